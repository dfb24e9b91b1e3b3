package io.lmcache.core.storage;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.spi.StorageBackend;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The tiers of a stack, fastest first, each in its decorators: none of their futures fails or stays open for ever. */
final class Tiers {
    private final List<StorageBackend> tiers;

    Tiers(List<StorageBackend> backends, StackOptions options) {
        Set<String> names = new HashSet<>();
        for (StorageBackend backend : backends) {
            if (!names.add(backend.name())) {
                throw new LmcacheException(
                        ErrorCode.INVALID_CONFIGURATION,
                        "The stack has two tiers called '" + backend.name() + "'; one of a kind is enough");
            }
        }
        if (names.isEmpty()) {
            throw new LmcacheException(
                    ErrorCode.INVALID_CONFIGURATION,
                    "The stack has no tier: set local_cpu: true, gds_path, or storage_plugins");
        }
        this.tiers =
                backends.stream().map(backend -> decorated(backend, options)).toList();
    }

    /** Everything that surrounds a backend, innermost first. */
    private static StorageBackend decorated(StorageBackend backend, StackOptions options) {
        StorageBackend inTime = new DeadlineBackend(backend, options.readDeadline(), options.writeDeadline());
        StorageBackend guarded = new BreakerBackend(inTime, breaker(backend.name(), options));
        return new ForgivingBackend(guarded);
    }

    private static CircuitBreaker breaker(String name, StackOptions options) {
        return CircuitBreaker.of(
                name,
                CircuitBreakerConfig.custom()
                        .slidingWindowType(CircuitBreakerConfig.SlidingWindowType.COUNT_BASED)
                        .slidingWindowSize(options.breakerFailures())
                        .minimumNumberOfCalls(options.breakerFailures())
                        .failureRateThreshold(100)
                        .waitDurationInOpenState(options.breakerOpen())
                        .permittedNumberOfCallsInHalfOpenState(1)
                        .build());
    }

    List<StorageBackend> all() {
        return tiers;
    }

    StorageBackend at(int index) {
        return tiers.get(index);
    }

    StorageBackend first() {
        return tiers.getFirst();
    }

    int count() {
        return tiers.size();
    }

    /** Where the longest prefix is: runs without a gap, from chunk 0, each in the fastest tier that continues it. */
    List<TierRun> locate(List<ChunkKey> keys) {
        List<TierRun> runs = new ArrayList<>();
        int found = 0;
        int before;
        do {
            before = found;
            for (int tier = 0; tier < tiers.size() && found < keys.size(); tier++) {
                int more = tiers.get(tier)
                        .containsPrefix(keys.subList(found, keys.size()))
                        .join();
                if (more > 0) {
                    runs.add(new TierRun(tier, found, found + more));
                    found += more;
                }
            }
        } while (found > before && found < keys.size());
        return runs;
    }

    /** The end of the last run: the number of chunks that were found. */
    static int found(List<TierRun> runs) {
        return runs.isEmpty() ? 0 : runs.getLast().end();
    }
}
