package io.lmcache.server;

import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A server as the business of a whole process: serves until the process is told to end, then drains. Stateless. */
public final class ServerRun {
    private static final Logger LOG = LoggerFactory.getLogger(ServerRun.class);

    private ServerRun() {}

    /**
     * A server that takes calls.
     *
     * @param server the server
     * @param metrics where it answers Prometheus and health checks
     */
    public record Ready(CacheServer server, Optional<InetSocketAddress> metrics) {}

    /**
     * Opens the stack of the configuration and serves it, until somebody asks the server to {@linkplain CacheServer#stop
     * stop}; returns when it has drained. It also drains when the process is told to exit.
     *
     * @param metrics where to answer Prometheus and health checks over HTTP
     * @param ready is told, once, when the server takes calls
     * @throws io.lmcache.api.LmcacheException when a tier or the server cannot start; nothing stays open
     */
    public static void serve(
            LmcacheConfig config, ServerOptions options, Optional<InetSocketAddress> metrics, Consumer<Ready> ready)
            throws InterruptedException {
        Deque<AutoCloseable> opened = new ArrayDeque<>();
        Ready started;
        try {
            started = start(config, options, metrics, opened);
        } catch (RuntimeException e) {
            close(opened, e);
            throw e;
        }
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(opened, null), "lmcache-server-end"));
        ready.accept(started);
        started.server().awaitStop();
        close(opened, null);
    }

    private static Ready start(
            LmcacheConfig config,
            ServerOptions options,
            Optional<InetSocketAddress> metrics,
            Deque<AutoCloseable> opened) {
        // Before the stack takes its memory: where a server runs already, there is none to spare.
        SocketFile socketFile = SocketFile.claim(options.socket());
        opened.push(socketFile);
        AtomicReference<@Nullable CacheServer> server = new AtomicReference<>();
        MeterRegistry registry = new CompositeMeterRegistry();
        Optional<InetSocketAddress> answering = Optional.empty();
        if (metrics.isPresent()) {
            PrometheusMeterRegistry prometheus = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
            MetricsEndpoint endpoint = MetricsEndpoint.start(
                    metrics.get(),
                    prometheus,
                    () -> Optional.ofNullable(server.get()).map(CacheServer::health));
            opened.push(endpoint);
            registry = prometheus;
            answering = Optional.of(endpoint.address());
        }
        LmcacheStack stack = Lmcache.open(config, registry);
        opened.push(stack);
        // The server's from here on, also when it cannot start.
        opened.remove(socketFile);
        CacheServer started = CacheServer.start(stack, options, socketFile, registry);
        opened.push(started);
        server.set(started);
        return new Ready(started, answering);
    }

    /** The last one first; who comes second waits until all are closed. */
    private static void close(Deque<AutoCloseable> opened, @Nullable RuntimeException cause) {
        synchronized (opened) {
            while (!opened.isEmpty()) {
                close(opened.pop(), cause);
            }
        }
    }

    private static void close(AutoCloseable one, @Nullable RuntimeException cause) {
        try {
            one.close();
        } catch (Exception e) {
            if (cause == null) {
                LOG.warn("The server did not end cleanly", e);
            } else {
                cause.addSuppressed(e);
            }
        }
    }
}
