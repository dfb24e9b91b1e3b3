package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.backend.redis.RedisProcess;
import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.testkit.TcpProxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A stack whose last tier is in a server: what comes of the server's moods for an engine, and for the tiers above. */
@Tag("slow")
class RemoteTierTest {
    private static final int[] PROMPT = TestEngine.prompt(1024);
    private static final int[] OTHER = IntStream.range(60_000, 62_048).toArray();
    /** Far above all deadlines together, far below for ever. */
    private static final Duration BOUND = Duration.ofSeconds(60);

    @TempDir
    private Path directory;

    private static LmcacheStack open(String url, Map<String, ?> more) {
        Map<String, Object> settings = new HashMap<>(Map.of(
                "remote_url", url,
                "max_local_cpu_size", "64 MiB",
                "blocking_timeout_secs", "2",
                "store_timeout_secs", "2",
                "circuit_breaker_open_secs", "0.5",
                "redis", Map.of("timeout_secs", "1")));
        settings.putAll(more);
        return Lmcache.open(LmcacheConfig.of(settings));
    }

    /** What a call answers that must not hang. */
    private static <T> T bounded(Supplier<T> call) {
        return CompletableFuture.supplyAsync(call, task -> Thread.ofVirtual().start(task))
                .orTimeout(BOUND.toSeconds(), TimeUnit.SECONDS)
                .join();
    }

    @Test
    void whatOneStoresIsAHitOfAnotherAndThenOfItsHostTier() {
        try (RedisProcess server = RedisProcess.start(directory);
                LmcacheStack one = open(server.url(), Map.of());
                LmcacheStack other = open(server.url(), Map.of())) {
            assertThat(TestEngine.store(one, PROMPT)).isEqualTo(Map.of("cpu", 1024, "redis", 1024));
            assertThat(TestEngine.retrieveAll(other, PROMPT)).isEqualTo(Map.of("redis", 1024));
            assertThat(TestEngine.retrieveAll(other, PROMPT)).isEqualTo(Map.of("cpu", 1024));
        }
    }

    @Test
    void aSharedDirectoryAndAStoreFeedEachOther() {
        Map<String, ?> files = Map.of("gds_path", directory.resolve("files"));
        try (RedisProcess server = RedisProcess.start(directory);
                LmcacheStack both = open(server.url(), files)) {
            assertThat(TestEngine.store(both, PROMPT)).isEqualTo(Map.of("cpu", 1024, "posix", 1024, "redis", 1024));
            try (LmcacheStack far = open(server.url(), Map.of());
                    LmcacheStack near = Lmcache.open(
                            LmcacheConfig.of(Map.of("local_cpu", false, "gds_path", directory.resolve("files"))))) {
                assertThat(TestEngine.retrieveAll(far, PROMPT)).isEqualTo(Map.of("redis", 1024));
                assertThat(TestEngine.retrieveAll(near, PROMPT)).isEqualTo(Map.of("posix", 1024));
            }
        }
    }

    @Test
    void aServerThatStandsStillHoldsUpNobody() {
        try (RedisProcess server = RedisProcess.start(directory);
                LmcacheStack stack = open(server.url(), Map.of())) {
            TestEngine.store(stack, PROMPT);
            server.stall();
            try {
                for (int round = 0; round < 10; round++) {
                    assertThat(bounded(() -> TestEngine.retrieveAll(stack, PROMPT)))
                            .isEqualTo(Map.of("cpu", 1024));
                    assertThat(bounded(() -> stack.cache(TestEngine.SCOPE).lookup(OTHER)))
                            .isZero();
                }
                assertThat(bounded(() -> TestEngine.store(stack, OTHER))).isEqualTo(Map.of("cpu", 2048, "redis", 0));
                assertThat(bounded(() -> TestEngine.retrieveAll(stack, OTHER))).isEqualTo(Map.of("cpu", 2048));
            } finally {
                server.goOn();
            }
            awaitServing(stack, server);
        }
    }

    @Test
    void aServerThatDiesAndComesBackEmptyIsServedAgain() {
        try (RedisProcess server = RedisProcess.start(directory);
                LmcacheStack stack = open(server.url(), Map.of())) {
            TestEngine.store(stack, PROMPT);
            server.kill();
            assertThat(bounded(() -> TestEngine.retrieveAll(stack, PROMPT))).isEqualTo(Map.of("cpu", 1024));
            assertThat(bounded(() -> TestEngine.store(stack, OTHER))).isEqualTo(Map.of("cpu", 2048, "redis", 0));
            server.restart();
            awaitServing(stack, server);
        }
    }

    /** Stores until the server has all of it, whatever the breaker says meanwhile. */
    private static void awaitServing(LmcacheStack stack, RedisProcess server) {
        long end = System.nanoTime() + BOUND.toNanos();
        while (TestEngine.store(stack, PROMPT).getOrDefault("redis", 0) < 1024) {
            assertThat(System.nanoTime() - end).as("the server is served again").isNegative();
        }
        try (LmcacheStack other = open(server.url(), Map.of())) {
            assertThat(TestEngine.retrieveAll(other, PROMPT)).isEqualTo(Map.of("redis", 1024));
        }
    }

    @Test
    void aLongNarrowWayThatIsCutNowAndThenNeverGivesWrongBytes() {
        try (RedisProcess server = RedisProcess.start(directory);
                TcpProxy proxy = new TcpProxy(server.port());
                LmcacheStack writer = open(server.url(), Map.of())) {
            TestEngine.store(writer, PROMPT);
            proxy.delay(2);
            proxy.limit(64 << 20);
            for (int round = 0; round < 8; round++) {
                proxy.cutAfterReply(20_000L * round);
                try (LmcacheStack reader = open(proxy.url("redis"), Map.of())) {
                    // A prefix, down to nothing; what is there has been compared byte by byte.
                    int tokens = bounded(() -> TestEngine.retrieve(reader, PROMPT));
                    assertThat(tokens).isBetween(0, 1024);
                }
            }
            proxy.cutAfterReply(Long.MAX_VALUE);
            try (LmcacheStack reader = open(proxy.url("redis"), Map.of())) {
                assertThat(TestEngine.retrieveAll(reader, PROMPT)).isEqualTo(Map.of("redis", 1024));
            }
        }
    }
}
