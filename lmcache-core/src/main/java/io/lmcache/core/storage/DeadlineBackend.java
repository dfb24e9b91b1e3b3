package io.lmcache.core.storage;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.ForwardingBackend;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Completes what its backend does not complete in time with a {@link java.util.concurrent.TimeoutException}. The
 * operation itself goes on and keeps its memory; a chunk that arrives late is closed here.
 */
final class DeadlineBackend extends ForwardingBackend {
    private final Duration readDeadline;
    private final Duration writeDeadline;

    DeadlineBackend(StorageBackend delegate, Duration readDeadline, Duration writeDeadline) {
        super(delegate);
        this.readDeadline = readDeadline;
        this.writeDeadline = writeDeadline;
    }

    @Override
    public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
        return bounded(super.containsPrefix(keys), readDeadline, late -> {});
    }

    @Override
    public CompletableFuture<Integer> confirmPrefix(List<ChunkKey> keys) {
        return bounded(super.confirmPrefix(keys), readDeadline, late -> {});
    }

    @Override
    public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        return bounded(super.get(key, allocator), readDeadline, late -> late.ifPresent(StoredChunk::close));
    }

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        return bounded(super.put(key, meta, lease), writeDeadline, late -> {});
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        return bounded(super.tryInvalidate(key), readDeadline, late -> {});
    }

    private static <T> CompletableFuture<T> bounded(
            CompletableFuture<T> operation, Duration deadline, Consumer<T> onLateArrival) {
        if (operation.isDone()) {
            return operation;
        }
        CompletableFuture<T> result = new CompletableFuture<>();
        var _ = operation.whenComplete((value, error) -> {
            if (error != null) {
                result.completeExceptionally(error);
            } else if (!result.complete(value)) {
                onLateArrival.accept(value);
            }
        });
        return result.orTimeout(deadline.toNanos(), TimeUnit.NANOSECONDS);
    }
}
