package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.backend.s3.S3ProxyProcess;
import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.testkit.TcpProxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A stack whose last tier is a bucket: what comes of the store's moods for an engine, and for the tiers above. */
@Tag("slow")
class BucketTierTest {
    private static final int[] PROMPT = TestEngine.prompt(1024);
    /** Shares no chunk with the first one. */
    private static final int[] OTHER = otherPrompt();

    /** Far above all deadlines together, far below for ever. */
    private static final Duration BOUND = Duration.ofSeconds(60);

    @TempDir
    private Path directory;

    private static int[] otherPrompt() {
        int[] prompt = TestEngine.prompt(2048);
        prompt[0]++;
        return prompt;
    }

    private static LmcacheStack open(S3ProxyProcess server) {
        return open(server, server.endpoint());
    }

    private static LmcacheStack open(S3ProxyProcess server, String endpoint) {
        return Lmcache.open(LmcacheConfig.of(Map.of(
                "remote_url",
                "s3://" + S3ProxyProcess.BUCKET + "/tier",
                "max_local_cpu_size",
                "64 MiB",
                "blocking_timeout_secs",
                "2",
                "store_timeout_secs",
                "2",
                "circuit_breaker_open_secs",
                "0.5",
                "s3",
                Map.of(
                        "timeout_secs",
                        "1.5",
                        "endpoint_url",
                        endpoint,
                        "credentials_file",
                        server.credentialsFile().toString()))));
    }

    /** What a call answers that must not hang. */
    private static <T> T bounded(Supplier<T> call) {
        return CompletableFuture.supplyAsync(call, task -> Thread.ofVirtual().start(task))
                .orTimeout(BOUND.toSeconds(), TimeUnit.SECONDS)
                .join();
    }

    /** Stores until the bucket has all of it, whatever the breaker says meanwhile. */
    private static void awaitStored(LmcacheStack stack, int[] prompt) {
        long end = System.nanoTime() + BOUND.toNanos();
        while (TestEngine.store(stack, prompt).getOrDefault("s3", 0) < prompt.length) {
            assertThat(System.nanoTime() - end).as("the bucket takes it").isNegative();
        }
    }

    @Test
    void whatOneStoresIsAHitOfAnotherAndThenOfItsHostTier() {
        try (S3ProxyProcess server = S3ProxyProcess.start(directory);
                LmcacheStack one = open(server);
                LmcacheStack other = open(server)) {
            awaitStored(one, PROMPT);
            assertThat(TestEngine.retrieveAll(other, PROMPT)).isEqualTo(Map.of("s3", 1024));
            assertThat(TestEngine.retrieveAll(other, PROMPT)).isEqualTo(Map.of("cpu", 1024));
        }
    }

    @Test
    void aServerThatStandsStillOrDiesHoldsUpNobody() {
        try (S3ProxyProcess server = S3ProxyProcess.start(directory);
                LmcacheStack stack = open(server)) {
            awaitStored(stack, PROMPT);
            server.stall();
            try {
                for (int round = 0; round < 10; round++) {
                    assertThat(bounded(() -> TestEngine.retrieveAll(stack, PROMPT)))
                            .isEqualTo(Map.of("cpu", 1024));
                    assertThat(bounded(() -> stack.cache(TestEngine.SCOPE).lookup(OTHER)))
                            .isZero();
                }
                assertThat(bounded(() -> TestEngine.store(stack, OTHER))).containsEntry("cpu", 2048);
                assertThat(bounded(() -> TestEngine.retrieveAll(stack, OTHER))).isEqualTo(Map.of("cpu", 2048));
            } finally {
                server.goOn();
            }
            server.kill();
            assertThat(bounded(() -> TestEngine.retrieveAll(stack, OTHER))).isEqualTo(Map.of("cpu", 2048));
            server.restart();
            awaitStored(stack, OTHER);
            try (LmcacheStack other = open(server)) {
                assertThat(TestEngine.retrieveAll(other, OTHER)).isEqualTo(Map.of("s3", 2048));
            }
        }
    }

    @Test
    void aLongWayThatIsCutNowAndThenNeverGivesWrongBytes() {
        try (S3ProxyProcess server = S3ProxyProcess.start(directory);
                TcpProxy proxy = new TcpProxy(server.port());
                LmcacheStack writer = open(server)) {
            awaitStored(writer, PROMPT);
            String endpoint = proxy.url("http").replace("redis://", "http://");
            proxy.delay(2);
            for (int round = 0; round < 8; round++) {
                proxy.cutAfterReply(20_000L * round);
                try (LmcacheStack reader = open(server, endpoint)) {
                    // A prefix, down to nothing; what is there has been compared byte by byte.
                    int tokens = bounded(() -> TestEngine.retrieve(reader, PROMPT));
                    assertThat(tokens).isBetween(0, 1024);
                }
            }
        }
    }
}
