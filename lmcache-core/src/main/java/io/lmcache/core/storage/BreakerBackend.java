package io.lmcache.core.storage;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.ForwardingBackend;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Leaves a backend alone for a while after it has failed repeatedly: everything is a miss, or everything is declined then.
 * Reads and writes are judged apart, since a file system that cannot be written to has intact chunks.
 */
final class BreakerBackend extends ForwardingBackend {
    private final CircuitBreaker reads;
    private final CircuitBreaker writes;

    BreakerBackend(StorageBackend delegate, CircuitBreaker reads, CircuitBreaker writes) {
        super(delegate);
        this.reads = reads;
        this.writes = writes;
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
        if (!reads.tryAcquirePermission()) {
            return CompletableFuture.completedFuture(0);
        }
        // Lookups are often answered from memory: only a failed one says something about the storage.
        long start = System.nanoTime();
        return attempt(operation).whenComplete((_, error) -> {
            if (error == null) {
                reads.releasePermission();
            } else {
                record(reads, start, error);
            }
        });
    }

    @Override
    public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        if (!reads.tryAcquirePermission()) {
            return CompletableFuture.completedFuture(Optional.empty());
        }
        long start = System.nanoTime();
        return attempt(() -> super.get(key, allocator)).whenComplete((_, error) -> record(reads, start, error));
    }

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        if (!writes.tryAcquirePermission()) {
            return CompletableFuture.completedFuture(PutOutcome.declined(
                    DeclineReason.UNAVAILABLE,
                    "tier '" + name() + "' failed to write repeatedly and is left alone for a while"));
        }
        long start = System.nanoTime();
        return attempt(() -> super.put(key, meta, lease)).whenComplete((outcome, error) -> {
            if (outcome instanceof PutOutcome.Declined) {
                // Refused before the storage was tried: says nothing of it, and must not outweigh the failures.
                writes.releasePermission();
            } else {
                record(writes, start, error);
            }
        });
    }

    /** What a backend throws is a failure of its storage like any other; a plugin may be built against another API. */
    private static <T> CompletableFuture<T> attempt(Supplier<CompletableFuture<T>> operation) {
        try {
            return operation.get();
        } catch (RuntimeException | Error e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        return attempt(() -> super.tryInvalidate(key));
    }

    private static void record(CircuitBreaker breaker, long start, @Nullable Throwable error) {
        long nanos = System.nanoTime() - start;
        if (error == null) {
            breaker.onSuccess(nanos, TimeUnit.NANOSECONDS);
        } else {
            breaker.onError(nanos, TimeUnit.NANOSECONDS, error);
        }
    }

    @Override
    public BackendStats stats() {
        return super.stats()
                .with(Map.of(
                        BackendCounter.READ_BREAKER_OPEN, isOpen(reads),
                        BackendCounter.READ_BREAKER_REFUSALS, refusals(reads),
                        BackendCounter.WRITE_BREAKER_OPEN, isOpen(writes),
                        BackendCounter.WRITE_BREAKER_REFUSALS, refusals(writes)));
    }

    private static long isOpen(CircuitBreaker breaker) {
        return breaker.getState() == CircuitBreaker.State.CLOSED ? 0 : 1;
    }

    private static long refusals(CircuitBreaker breaker) {
        return breaker.getMetrics().getNumberOfNotPermittedCalls();
    }
}
