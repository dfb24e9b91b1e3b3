package io.lmcache.cli;

import java.util.Locale;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lmcache completion}. */
@Command(
        name = "completion",
        description = {
            "Prints what makes a shell complete the commands and options of lmcache.",
            "For bash: source <(lmcache completion bash). For zsh, after autoload -U compinit && compinit:"
                    + " source <(lmcache completion zsh)."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class CompletionCommand implements Runnable {
    /** The shells; one script serves both, since zsh takes completions for bash. */
    enum Shell {
        BASH,
        ZSH;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    @Parameters(paramLabel = "SHELL", description = "${COMPLETION-CANDIDATES}.")
    @SuppressWarnings({"NullAway.Init", "UnusedVariable"}) // picocli sets it, and refuses other shells.
    private Shell shell;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public void run() {
        spec.commandLine()
                .getOut()
                .print(AutoComplete.bash("lmcache", spec.root().commandLine()));
        spec.commandLine().getOut().flush();
    }
}
