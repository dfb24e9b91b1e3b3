package io.lmcache.cli;

import io.lmcache.server.ServerClient;
import io.lmcache.server.ServerHealth;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code lmcache stop}. */
@Command(
        name = "stop",
        description = {
            "Ends a running server: it finishes the calls under way and what it has accepted to write. Waits for that.",
            "The exit status is 0 when its process has ended, 1 when it has not after two minutes, 2 when no server answers."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class StopCommand implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    @Mixin
    private final ServerChoice server = new ServerChoice();

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public Integer call() throws InterruptedException, ExecutionException {
        try (ServerClient client = server.connect()) {
            ServerHealth health = client.health();
            // Found before it is told: afterwards the process may be gone, and its number another's. In another container
            // there is none of that number.
            Optional<ProcessHandle> process = ProcessHandle.of(health.pid());
            CompletableFuture<ProcessHandle> end =
                    process.map(ProcessHandle::onExit).orElseGet(() -> CompletableFuture.completedFuture(null));
            client.stop();
            end.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            spec.commandLine().getOut().println("stopped server " + health.pid());
            return 0;
        } catch (TimeoutException e) {
            spec.commandLine()
                    .getErr()
                    .println("lmcache: the server has not ended after " + PATIENCE.toSeconds()
                            + " seconds; its log says what it waits for");
            return 1;
        }
    }
}
