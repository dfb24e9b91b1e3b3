package io.lmcache.cli;

import io.lmcache.server.ServerClient;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code lmcache clear}. */
@Command(
        name = "clear",
        description = {
            "Removes the chunks of a running server from all its tiers, a shared directory included, but those pinned or"
                    + " being read. Asks first.",
            "The exit status is 0, 1 when the answer was no, 2 for bad input or when no server answers."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class ServerClearCommand implements Callable<Integer> {
    private final Confirmation confirmation;

    @Mixin
    private final ServerChoice server = new ServerChoice();

    @Option(names = "--model", paramLabel = "NAME", description = "Only the chunks of that model.")
    private String model = "";

    @Option(names = "--yes", description = "Do not ask.")
    private boolean yes;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    ServerClearCommand(Confirmation confirmation) {
        this.confirmation = confirmation;
    }

    @Override
    public Integer call() throws IOException {
        try (ServerClient client = server.connect()) {
            long chunks = client.stats().tiers().stream()
                    .mapToLong(tier -> tier.chunks())
                    .sum();
            String what = model.isEmpty() ? "all " + chunks + " chunks" : "the chunks of model '" + model + "'";
            if (!yes && !isConfirmed("Remove " + what + " of the server on " + server.socket() + "?")) {
                spec.commandLine().getOut().println("nothing was removed");
                return 1;
            }
            client.clear(model);
            spec.commandLine().getOut().println("removed " + what);
            return 0;
        }
    }

    private boolean isConfirmed(String question) throws IOException {
        Optional<Boolean> answer = confirmation.ask(question, spec.commandLine().getOut());
        return answer.orElseThrow(() -> new ParameterException(
                spec.commandLine(), "There is nobody to ask whether chunks may be removed; pass --yes"));
    }
}
