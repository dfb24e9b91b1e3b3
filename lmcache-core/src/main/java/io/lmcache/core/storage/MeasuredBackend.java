package io.lmcache.core.storage;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.ForwardingBackend;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.core.metrics.StackMeters;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;

/** Shows what a tier does: how long its operations take, what they move, and each of them in a flight recording. */
final class MeasuredBackend extends ForwardingBackend {
    private final TierMeters meters;

    MeasuredBackend(StorageBackend delegate, StackMeters meters) {
        super(delegate);
        this.meters = new TierMeters(delegate, meters);
    }

    @Override
    public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
        Operation lookup = new Operation(meters.lookups());
        return lookup.measured(super.containsPrefix(keys), (found, event) -> lookedUp(keys, found, event));
    }

    @Override
    public CompletableFuture<Integer> confirmPrefix(List<ChunkKey> keys) {
        Operation lookup = new Operation(meters.lookups());
        return lookup.measured(super.confirmPrefix(keys), (found, event) -> lookedUp(keys, found, event));
    }

    private static void lookedUp(List<ChunkKey> keys, int found, TierEvent event) {
        event.chunks = keys.size();
        event.outcome = found > 0 ? "hit" : "miss";
    }

    @Override
    public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        Operation read = new Operation(meters.reads());
        return read.measured(super.get(key, allocator), (chunk, event) -> {
            event.chunks = 1;
            event.outcome = chunk.isPresent() ? "hit" : "miss";
            if (chunk.isPresent()) {
                event.bytes = chunk.get().meta().byteSize();
                meters.traffic(key.scope().model()).hasRead(chunk.get().meta());
            }
        });
    }

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        Operation write = new Operation(meters.writes());
        return write.measured(super.put(key, meta, lease), (outcome, event) -> {
            event.chunks = 1;
            event.bytes = meta.byteSize();
            switch (outcome) {
                case PutOutcome.Stored _ -> {
                    event.outcome = "stored";
                    meters.traffic(key.scope().model()).hasWritten(meta);
                }
                case PutOutcome.AlreadyPresent _ -> event.outcome = "present";
                case PutOutcome.Declined declined -> {
                    event.outcome = declined.reason().name().toLowerCase(Locale.ROOT);
                    meters.declined(declined.reason());
                }
            }
        });
    }

    /** One operation under way. */
    private final class Operation {
        private final TierMeters.Kind kind;
        private final TierEvent event = new TierEvent();
        private final long start = System.nanoTime();

        Operation(TierMeters.Kind kind) {
            this.kind = kind;
            kind.begin();
            event.begin();
        }

        /** The answer, after it was counted. */
        <T> CompletableFuture<T> measured(CompletableFuture<T> answer, BiConsumer<T, TierEvent> account) {
            if (answer.isDone()) {
                end(answer.join(), account);
                return answer;
            }
            return answer.thenApply(value -> {
                end(value, account);
                return value;
            });
        }

        private <T> void end(T value, BiConsumer<T, TierEvent> account) {
            kind.end(System.nanoTime() - start);
            event.end();
            account.accept(value, event);
            if (event.shouldCommit()) {
                event.tier = name();
                event.operation = kind.name();
                event.commit();
            }
        }
    }
}
