package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.server.Shape.Sizes;
import io.lmcache.server.protocol.HealthRequest;
import io.lmcache.server.protocol.HealthResponse;
import io.lmcache.server.protocol.StopRequest;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a running server tells over HTTP, and that a client can end it. */
class MetricsEndpointTest {
    private static final int TOKENS = 256;
    private static final Pattern PORT = Pattern.compile("metrics on (\\d+)");

    @TempDir
    private Path directory;

    private final HttpClient http = HttpClient.newHttpClient();

    @Test
    void aScrapeOfARunningServerHasWhatItsClientsDid() throws Exception {
        Sizes sizes = new Sizes(1, TOKENS / 16, 16, 1, 8);
        int[] prompt = IntStream.range(0, TOKENS).toArray();
        Map<String, String> settings = Map.of("TEST_METRICS_PORT", "0", "LMCACHE_METRICS_NAMES", "lmcache");
        try (ServerProcess server = ServerProcess.start(directory, settings);
                TestClient client = TestClient.connect(server.socket());
                TestEngine engine = new TestEngine(client, Shape.KEYS_FIRST_NHD, sizes, "e").register(0, 1)) {
            engine.store(prompt, IntStream.range(0, TOKENS / 16).toArray());
            client.lookup("e", prompt);

            HttpResponse<String> scrape = get(server, "/metrics");

            assertThat(scrape.statusCode()).isEqualTo(200);
            assertThat(scrape.headers().firstValue("Content-Type").orElseThrow())
                    .startsWith("text/plain");
            assertThat(scrape.body().lines())
                    .anyMatch(line -> line.matches("lmcache_lookup_found_tokens_total\\{model=\".*\"} 256.0"))
                    .anyMatch(line -> line.matches("lmcache:num_lookup_hits_total\\{model_name=\".*\"} 256.0"))
                    .anyMatch(line -> line.matches("lmcache_request_duration_seconds_bucket\\{.*le=\"0.001\".*} \\d+"))
                    .contains("lmcache_server_sessions 1.0", "lmcache_server_kv_caches 1.0");
            assertThat(client.stats().getModelsList()).singleElement().satisfies(model -> {
                assertThat(model.getLookups()).isEqualTo(1);
                assertThat(model.getFoundTokens()).isEqualTo(TOKENS);
                assertThat(model.getStoredTokens()).isEqualTo(TOKENS);
            });
        }
    }

    @Test
    void aProbeIsToldWhetherTheServerTakesCalls() throws Exception {
        try (ServerProcess server = ServerProcess.start(directory, Map.of("TEST_METRICS_PORT", "0"))) {
            assertThat(get(server, "/healthcheck"))
                    .returns(200, HttpResponse::statusCode)
                    .returns("{\"status\": \"healthy\"}\n", HttpResponse::body);
            assertThat(get(server, "/metrics/else").statusCode()).isEqualTo(404);
            assertThat(get(server, "/").statusCode()).isEqualTo(404);
        }
    }

    @Test
    void aClientCanEndTheServer() throws Exception {
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                TestClient client = TestClient.connect(server.socket())) {
            HealthResponse health = client.calls().health(HealthRequest.getDefaultInstance());
            assertThat(health.getState()).isEqualTo(HealthResponse.State.SERVING);
            assertThat(health.getServerPid()).isEqualTo(server.pid());
            assertThat(health.getTiersList()).containsExactly("cpu");
            assertThat(health.getTroublesList()).isEmpty();

            var _ = client.calls().stop(StopRequest.getDefaultInstance());

            assertThat(server.awaitEnd()).isZero();
            assertThat(server.socket()).doesNotExist();
        }
    }

    private HttpResponse<String> get(ServerProcess server, String path) throws IOException, InterruptedException {
        Matcher port = PORT.matcher(server.out());
        assertThat(port.find()).as("a port in: %s", server.out()).isTrue();
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port.group(1) + path))
                .timeout(Duration.ofSeconds(30))
                .build();
        return http.send(request, BodyHandlers.ofString());
    }
}
