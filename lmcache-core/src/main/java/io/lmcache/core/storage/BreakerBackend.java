package io.lmcache.core.storage;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.ForwardingBackend;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Leaves a backend alone for a while after it has failed repeatedly: everything is a miss or declined then. */
final class BreakerBackend extends ForwardingBackend {
    private final CircuitBreaker breaker;

    BreakerBackend(StorageBackend delegate, CircuitBreaker breaker) {
        super(delegate);
        this.breaker = breaker;
    }

    @Override
    public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
        return lookup(() -> super.containsPrefix(keys));
    }

    @Override
    public CompletableFuture<Integer> confirmPrefix(List<ChunkKey> keys) {
        return lookup(() -> super.confirmPrefix(keys));
    }

    private CompletableFuture<Integer> lookup(Supplier<CompletableFuture<Integer>> operation) {
        if (!breaker.tryAcquirePermission()) {
            return CompletableFuture.completedFuture(0);
        }
        // Lookups are often answered from memory: only a failed one says something about the storage.
        long start = System.nanoTime();
        return attempt(operation).whenComplete((_, error) -> {
            if (error == null) {
                breaker.releasePermission();
            } else {
                record(System.nanoTime() - start, error);
            }
        });
    }

    @Override
    public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        return guarded(() -> super.get(key, allocator), Optional.empty());
    }

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        return guarded(
                () -> super.put(key, meta, lease),
                PutOutcome.declined(
                        DeclineReason.UNAVAILABLE,
                        "tier '" + name() + "' failed repeatedly and is left alone for a while"));
    }

    private <T> CompletableFuture<T> guarded(Supplier<CompletableFuture<T>> operation, T whenOpen) {
        if (!breaker.tryAcquirePermission()) {
            return CompletableFuture.completedFuture(whenOpen);
        }
        long start = System.nanoTime();
        return attempt(operation).whenComplete((_, error) -> record(System.nanoTime() - start, error));
    }

    /** What a backend throws is a failure of its storage like any other; a plugin may be built against another API. */
    private static <T> CompletableFuture<T> attempt(Supplier<CompletableFuture<T>> operation) {
        try {
            return operation.get();
        } catch (RuntimeException | LinkageError e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        return attempt(() -> super.tryInvalidate(key));
    }

    private void record(long nanos, @Nullable Throwable error) {
        if (error == null) {
            breaker.onSuccess(nanos, TimeUnit.NANOSECONDS);
        } else {
            breaker.onError(nanos, TimeUnit.NANOSECONDS, error);
        }
    }

    @Override
    public BackendStats stats() {
        BackendStats stats = super.stats();
        SortedMap<String, Long> counters = new TreeMap<>(stats.counters());
        counters.put("breaker_open", breaker.getState() == CircuitBreaker.State.CLOSED ? 0L : 1L);
        counters.put("breaker_refusals", breaker.getMetrics().getNumberOfNotPermittedCalls());
        return new BackendStats(stats.chunks(), stats.bytes(), stats.limitBytes(), counters);
    }
}
