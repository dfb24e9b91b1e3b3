package io.lmcache.cli;

import io.lmcache.server.CacheServer;
import io.lmcache.server.ServerOptions;
import io.lmcache.server.ServerOptions.Tcp;
import io.lmcache.server.ServerRun;
import io.lmcache.server.ServerRun.Ready;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code lmcache serve}. */
@Command(
        name = "serve",
        description = {
            "Serves the configured stack to inference engines in other processes of this host, over a Unix domain socket."
                    + " Their KV comes and goes through shared memory or CUDA IPC.",
            "Prints a line when it is ready, and one when it has stopped. SIGTERM or SIGINT ends it, with exit status 0:"
                    + " calls under way are finished first, as are writes to files."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class ServeCommand implements Callable<Integer> {
    @Option(
            names = "--socket",
            paramLabel = "PATH",
            description = "The socket, in a directory of its own, which is made when it is not there. Unless given:"
                    + " lmcache/server.sock in XDG_RUNTIME_DIR, else /tmp/lmcache-UID/server.sock.")
    private @Nullable Path socket;

    @Mixin
    private final ConfigChoice choice = new ConfigChoice();

    @Option(
            names = "--tcp",
            paramLabel = "[HOST:]PORT",
            description = "Listen on TCP, too; on loopback unless a host is named. Not encrypted; needs --token-file.")
    private @Nullable String tcp;

    @Option(
            names = "--token-file",
            paramLabel = "FILE",
            description = "A file that only this user may read (mode 600) with the token that clients over TCP have to"
                    + " send, of 16 characters or more.")
    private @Nullable Path tokenFile;

    @Option(
            names = "--metrics-port",
            paramLabel = "[HOST:]PORT",
            description =
                    "Answer Prometheus at /metrics and probes at /healthcheck over HTTP, on loopback unless a host is"
                            + " named; 0 for any free port. What they tell is in docs/metrics.md.")
    private @Nullable String metrics;

    @Option(
            names = "--drain-seconds",
            paramLabel = "N",
            defaultValue = "10",
            description = "How long calls under way may take once the server is told to end; ${DEFAULT-VALUE} unless"
                    + " given.")
    private int drainSeconds;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (drainSeconds < 0) {
            throw new ParameterException(spec.commandLine(), "--drain-seconds is " + drainSeconds + ", below 0");
        }
        ServerOptions options = new ServerOptions(
                socket == null ? ServerOptions.defaultSocket() : socket,
                tcp(),
                Duration.ofSeconds(drainSeconds),
                new Version().getVersion()[0]);
        ServerRun.serve(choice.load(), options, metricsAddress(), this::announce);
        PrintWriter err = spec.commandLine().getErr();
        err.println("lmcache: stopped");
        err.flush();
        return 0;
    }

    private Optional<Tcp> tcp() {
        if (tcp == null) {
            return Optional.empty();
        }
        InetSocketAddress address = address("--tcp", tcp);
        if (tokenFile == null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--tcp needs --token-file: without a token every user of every host that reaches the port could read"
                            + " and clear the cache");
        }
        return Optional.of(new Tcp(address, tokenFile));
    }

    private Optional<InetSocketAddress> metricsAddress() {
        return Optional.ofNullable(metrics).map(text -> address("--metrics-port", text));
    }

    /** On loopback, unless a host is named. */
    private InetSocketAddress address(String option, String text) {
        int colon = text.lastIndexOf(':');
        String host = text.substring(0, Math.max(colon, 0));
        try {
            int port = Integer.parseInt(text.substring(colon + 1));
            InetSocketAddress address = host.isEmpty()
                    ? new InetSocketAddress(InetAddress.getLoopbackAddress(), port)
                    : new InetSocketAddress(host, port);
            if (!address.isUnresolved()) {
                return address;
            }
        } catch (IllegalArgumentException e) {
            throw new ParameterException(
                    spec.commandLine(), option + " is '" + text + "', which is no [HOST:]PORT: " + e.getMessage(), e);
        }
        throw new ParameterException(spec.commandLine(), option + " names the host '" + host + "', which is unknown");
    }

    private void announce(Ready ready) {
        CacheServer server = ready.server();
        // Without these the JVM would end by itself: the server drains then, too, and says nothing.
        var _ = EndSignals.handle(server::stop);
        PrintWriter err = spec.commandLine().getErr();
        ready.metrics().ifPresent(address -> err.println("lmcache: metrics on http:/" + address + "/metrics"));
        err.println("lmcache: ready on " + String.join(" and ", server.addresses()) + ", tiers "
                + String.join(", ", server.tiers()));
        err.flush();
    }
}
