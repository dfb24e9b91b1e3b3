package io.lmcache.server;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers Prometheus at {@code /metrics} and probes at {@code /healthcheck}, over HTTP. For few callers: more than two at a
 * time wait. Thread-safe.
 */
final class MetricsEndpoint implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MetricsEndpoint.class);
    private static final String FORMAT = "text/plain; version=0.0.4; charset=utf-8";
    private static final int THREADS = 2;
    private static final int MOST_WAITING = 16;

    private final HttpServer http;
    private final ExecutorService threads = new ThreadPoolExecutor(
            THREADS,
            THREADS,
            0,
            TimeUnit.NANOSECONDS,
            new LinkedBlockingQueue<>(MOST_WAITING),
            Thread.ofPlatform().daemon().name("lmcache-server-metrics-", 0).factory());

    private record Answer(int status, String type, String body) {}

    private MetricsEndpoint(HttpServer http) {
        this.http = http;
    }

    /**
     * Listens at that address.
     *
     * @param health asked for each probe; empty while the server starts
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when it cannot
     */
    static MetricsEndpoint start(
            InetSocketAddress address, PrometheusMeterRegistry registry, Supplier<Optional<ServerHealth>> health) {
        try {
            MetricsEndpoint endpoint = new MetricsEndpoint(HttpServer.create(address, MOST_WAITING));
            endpoint.serve("/metrics", () -> new Answer(HttpURLConnection.HTTP_OK, FORMAT, registry.scrape(FORMAT)));
            endpoint.serve(
                    "/healthcheck",
                    () -> health.get().map(MetricsEndpoint::answer).orElseGet(() -> unavailable("starting")));
            endpoint.http.setExecutor(endpoint.threads);
            endpoint.http.start();
            if (!address.getAddress().isLoopbackAddress()) {
                LOG.warn(
                        "Metrics are answered on {}: other hosts can read them, the names of models included", address);
            }
            return endpoint;
        } catch (IOException e) {
            throw new LmcacheException(
                    ErrorCode.START_FAILED,
                    "Metrics cannot be answered on " + address + ": " + e.getMessage() + "; choose another port",
                    e);
        }
    }

    private static Answer answer(ServerHealth health) {
        return health.isServing()
                ? new Answer(HttpURLConnection.HTTP_OK, "application/json", json(health.status()))
                : unavailable(health.status());
    }

    private static Answer unavailable(String status) {
        return new Answer(HttpURLConnection.HTTP_UNAVAILABLE, "application/json", json(status));
    }

    private static String json(String status) {
        return "{\"status\": \"" + status + "\"}\n";
    }

    private void serve(String path, Supplier<Answer> answer) {
        http.createContext(path, exchange -> {
            try (exchange) {
                boolean isKnown = exchange.getRequestURI().getPath().equals(path);
                respond(exchange, isKnown ? answer.get() : new Answer(HttpURLConnection.HTTP_NOT_FOUND, FORMAT, ""));
            } catch (RuntimeException e) {
                LOG.warn("A request for {} failed", path, e);
            }
        });
    }

    private static void respond(HttpExchange exchange, Answer answer) throws IOException {
        byte[] body = answer.body().getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", answer.type());
        exchange.sendResponseHeaders(answer.status(), body.length == 0 ? -1 : body.length);
        if (body.length > 0) {
            exchange.getResponseBody().write(body);
        }
    }

    /** Where it listens. */
    InetSocketAddress address() {
        return http.getAddress();
    }

    @Override
    public void close() {
        http.stop(0);
        threads.shutdownNow();
    }
}
