package io.lmcache.cli;

import io.lmcache.cli.process.TemporaryDirectory;
import io.lmcache.server.Rehearsal;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code lmcache rehearse}: what the launcher runs for the JDK to learn from, and {@code scripts/measure-start}. */
@Command(
        name = "rehearse",
        hidden = true,
        description = {
            "Serves for a moment, with a client of its own, in a temporary directory.",
            "With --socket, does what an engine does in its first minutes to that server then, and prints how long it took."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class RehearseCommand implements Callable<Integer> {
    @Option(names = "--socket", paramLabel = "PATH", description = "A server to measure.")
    private @Nullable Path socket;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        try (TemporaryDirectory directory = new TemporaryDirectory(TemporaryDirectory.systemFolder())) {
            Rehearsal.alone(directory.path());
        }
        if (socket != null) {
            print(Rehearsal.against(socket), spec.commandLine().getOut());
        }
        return 0;
    }

    private static void print(Rehearsal.Millis millis, PrintWriter out) {
        out.printf(
                Locale.ROOT,
                "lookups of 2,048 tokens: the first %.1f ms, median %.2f ms%n"
                        + "stores of 2,048 tokens: the first %.1f ms, the slowest of 300 %.1f ms, median %.2f ms%n",
                millis.firstLookup(),
                millis.medianLookup(),
                millis.firstStore(),
                millis.slowestStore(),
                millis.medianStore());
    }
}
