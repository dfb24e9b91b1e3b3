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
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * Completes what its backend does not complete in time with a {@link TimeoutException}. The
 * operation itself goes on and keeps its memory, but for a put that has not begun, which is called off; a chunk that arrives
 * late is closed here.
 */
final class DeadlineBackend extends ForwardingBackend {
    private final Duration readDeadline;
    private final Duration writeDeadline;
    private final ScheduledExecutorService timer;

    /**
     * A backend with deadlines.
     *
     * @param timer what runs the deadlines; the owner of this backend ends it later than this
     */
    DeadlineBackend(
            StorageBackend delegate, Duration readDeadline, Duration writeDeadline, ScheduledExecutorService timer) {
        super(delegate);
        this.readDeadline = readDeadline;
        this.writeDeadline = writeDeadline;
        this.timer = timer;
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
        CompletableFuture<PutOutcome> operation = super.put(key, meta, lease);
        CompletableFuture<PutOutcome> result = bounded(operation, writeDeadline, late -> {});
        var _ = result.whenComplete((_, error) -> {
            // What has not begun by now gives its memory back.
            if (error instanceof TimeoutException) {
                operation.cancel(false);
            }
        });
        return result;
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        return bounded(super.tryInvalidate(key), readDeadline, late -> {});
    }

    private <T> CompletableFuture<T> bounded(
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
        end(result, deadline);
        return result;
    }

    private void end(CompletableFuture<?> result, Duration deadline) {
        try {
            Future<?> end = timer.schedule(
                    () -> result.completeExceptionally(new TimeoutException()),
                    deadline.toNanos(),
                    TimeUnit.NANOSECONDS);
            var _ = result.whenComplete((_, _) -> end.cancel(false));
        } catch (RejectedExecutionException | Error e) {
            // Without a deadline nobody may wait for it.
            result.completeExceptionally(e);
        }
    }
}
