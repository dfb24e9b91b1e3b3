package io.lmcache.cli;

import io.lmcache.api.LmcacheException;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ParameterException;

/** What a user sees when a command fails: a sentence, and an exit status. */
final class Failures {
    private Failures() {}

    static int badArguments(ParameterException e) {
        CommandLine command = e.getCommandLine();
        String name = command.getCommandSpec().qualifiedName();
        command.getErr().println("lmcache: " + e.getMessage() + "; see '" + name + " --help'");
        return ExitCode.USAGE;
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
