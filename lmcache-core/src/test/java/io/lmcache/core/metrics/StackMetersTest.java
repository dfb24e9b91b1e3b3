package io.lmcache.core.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StackMetersTest {
    private static final KvLayout LAYOUT = KvLayout.kv(KvDtype.FLOAT, 1, 1, 64);
    private static final int CHUNK = 16;
    private static final int[] PROMPT = IntStream.range(0, 4 * CHUNK).toArray();

    @TempDir
    private Path directory;

    private final MeterRegistry registry = new SimpleMeterRegistry();

    private LmcacheStack open(MetricNames names) {
        return LmcacheStack.builder()
                .chunkSize(CHUNK)
                .meters(registry, names)
                .tier("cpu", Map.of("max_local_cpu_size", "1 MiB"))
                .tier("posix", Map.of("gds_path", directory))
                .build();
    }

    private static void storeAndFind(LmcacheStack stack) {
        KvCache cache = stack.cache(KeyScope.of("m", LAYOUT));
        cache.store(PROMPT, (_, _) -> {}).published().join();
        assertThat(cache.lookup(PROMPT)).isEqualTo(PROMPT.length);
        assertThat(cache.lookup(new int[CHUNK])).isZero();
        cache.retrieve(PROMPT, (_, _) -> {});
    }

    private double value(String name, String... tags) {
        Meter meter = registry.get(name).tags(tags).meter();
        return meter.measure().iterator().next().getValue();
    }

    @Test
    void whatEnginesAskForIsShownByModelAndTier() {
        try (LmcacheStack stack = open(MetricNames.OWN)) {
            storeAndFind(stack);
            assertThat(value("lmcache.requests", "operation", "lookup", "model", "m"))
                    .isEqualTo(2);
            assertThat(value("lmcache.lookup.tokens", "model", "m")).isEqualTo(5 * CHUNK);
            assertThat(value("lmcache.lookup.found.tokens", "model", "m")).isEqualTo(4 * CHUNK);
            assertThat(value("lmcache.tier.found.tokens", "model", "m", "tier", "cpu"))
                    .isEqualTo(4 * CHUNK);
            assertThat(value("lmcache.tier.hit.tokens", "model", "m", "tier", "posix"))
                    .isZero();
            assertThat(value("lmcache.retrieve.hit.tokens", "model", "m")).isEqualTo(4 * CHUNK);
            assertThat(value("lmcache.store.tokens", "model", "m")).isEqualTo(4 * CHUNK);
            assertThat(value("lmcache.tier.stored.bytes", "model", "m", "tier", "posix"))
                    .isEqualTo((double) LAYOUT.chunkBytes(4 * CHUNK));
            assertThat(value("lmcache.tier.read.chunks", "tier", "cpu", "outcome", "hit"))
                    .isEqualTo(4);
            assertThat(value("lmcache.tier.chunks", "tier", "posix")).isEqualTo(4);
            assertThat(value("lmcache.tier.breaker.open", "tier", "posix", "operation", "write"))
                    .isZero();
            assertThat(value("lmcache.memory.used.bytes", "owner", "cpu", "domain", "host"))
                    .isEqualTo(value("lmcache.tier.bytes", "tier", "cpu"));
        }
    }

    @Test
    void durationsAndWaitsAreShown() {
        try (LmcacheStack stack = open(MetricNames.OWN)) {
            storeAndFind(stack);
            assertThat(registry.get("lmcache.request.duration")
                            .tags("operation", "retrieve", "model", "m")
                            .timer()
                            .totalTime(TimeUnit.NANOSECONDS))
                    .isPositive();
            assertThat(registry.get("lmcache.tier.duration")
                            .tags("operation", "write", "tier", "posix")
                            .timer()
                            .count())
                    .isEqualTo(4);
            assertThat(value("lmcache.tier.operations.active", "operation", "write", "tier", "posix"))
                    .isZero();
            assertThat(registry.get("lmcache.tier.queue.wait")
                            .tags("operation", "write", "tier", "posix")
                            .functionTimer()
                            .count())
                    .isGreaterThanOrEqualTo(4);
        }
    }

    @Test
    void namesOfLmcacheAreThereWhenAskedFor() {
        try (LmcacheStack stack = open(MetricNames.LMCACHE)) {
            storeAndFind(stack);
            assertThat(value("lmcache:num_lookup_tokens", "model_name", "m")).isEqualTo(5 * CHUNK);
            assertThat(value("lmcache:num_hit_tokens", "model_name", "m")).isEqualTo(4 * CHUNK);
            assertThat(value("lmcache:lookup_hit_rate", "model_name", "m")).isEqualTo(0.8);
            assertThat(value("lmcache:lookup_0_hit_requests", "model_name", "m"))
                    .isEqualTo(1);
            assertThat(registry.get("lmcache:time_to_retrieve").summary().count())
                    .isEqualTo(1);
            assertThat(value("lmcache_mp.l2_store_completed_objects_chunks", "l2_name", "posix"))
                    .isEqualTo(4);
            assertThat(value("lmcache.requests", "operation", "lookup", "model", "m"))
                    .isEqualTo(2);
        }
    }

    @Test
    void theRegistryIsItsOwnersAgainWhenTheStackIsClosed() {
        try (LmcacheStack stack = open(MetricNames.LMCACHE)) {
            storeAndFind(stack);
            assertThat(registry.getMeters()).isNotEmpty();
        }
        assertThat(registry.getMeters()).isEmpty();
    }

    @Test
    void aRecentRateLooksAnewAfterItsInterval() {
        AtomicLong part = new AtomicLong(1);
        AtomicLong whole = new AtomicLong(2);
        AtomicLong now = new AtomicLong();
        RecentRate rate = new RecentRate(part::get, whole::get, now::get);
        assertThat(rate.getAsDouble()).isEqualTo(0.5);
        part.set(2);
        whole.set(3);
        now.addAndGet(9_999_999_999L);
        assertThat(rate.getAsDouble()).isEqualTo(0.5);
        now.addAndGet(1);
        assertThat(rate.getAsDouble()).isEqualTo(1);
        now.addAndGet(10_000_000_000L);
        assertThat(rate.getAsDouble()).isZero();
    }
}
