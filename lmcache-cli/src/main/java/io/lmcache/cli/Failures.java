package io.lmcache.cli;

import io.lmcache.api.LmcacheException;
import java.io.IOException;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** What a user sees when a command fails: a sentence, and an exit status. */
final class Failures {
    /** As the shell reports a program that a closed pipe has ended. */
    private static final int CLOSED_PIPE = 128 + 13;

    private Failures() {}

    static int badArguments(ParameterException e) {
        CommandLine command = e.getCommandLine();
        String name = command.getCommandSpec().qualifiedName();
        command.getErr().println("lmcache: " + sentence(e) + "; see '" + name + " --help'");
        return ExitCode.USAGE;
    }

    private static String sentence(ParameterException e) {
        if (!(e instanceof UnmatchedArgumentException unmatched)) {
            return String.valueOf(e.getMessage());
        }
        String word = unmatched.getUnmatched().getFirst();
        boolean isCommand = !unmatched.isUnknownOption()
                && !e.getCommandLine().getSubcommands().isEmpty();
        String subject = isCommand ? "There is no command '" + word + "'" : String.valueOf(e.getMessage());
        return unmatched.getSuggestions().stream()
                .findFirst()
                .map(near -> subject + "; did you mean '" + near + "'?")
                .orElse(subject);
    }

    /** No command was named: which there are. */
    static int noCommand(CommandLine command) {
        command.getErr().println("lmcache: no command is named");
        command.usage(command.getErr());
        return ExitCode.USAGE;
    }

    /** What was printed did not arrive. A reader who has seen enough, such as head, hears nothing of it. */
    static int output(IOException failure, PrintWriter err) {
        if (String.valueOf(failure.getMessage()).contains("Broken pipe")) {
            return CLOSED_PIPE;
        }
        err.println("lmcache: standard output could not be written (" + failure.getMessage()
                + "): what is there is not all of it");
        return ExitCode.SOFTWARE;
    }

    static int report(Exception e, CommandLine command, boolean verbose) {
        boolean badInput = e instanceof LmcacheException || e instanceof BadTextException;
        String sentence = badInput
                ? e.getMessage()
                : "failed unexpectedly: " + e + (verbose ? "" : "; run it again with --verbose for the stack trace");
        command.getErr().println("lmcache: " + sentence);
        if (verbose) {
            e.printStackTrace(command.getErr());
        }
        return badInput ? ExitCode.USAGE : ExitCode.SOFTWARE;
    }
}
