package io.lmcache.core.storage;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.ChunkPin;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.ForwardingBackend;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.RateLimitedLog;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Counts what a tier does, and turns its failures into misses and refusals: a failure becomes a number and a log line. */
final class ForgivingBackend extends ForwardingBackend {
    private static final Logger LOG = LoggerFactory.getLogger(ForgivingBackend.class);

    private final RateLimitedLog log = new RateLimitedLog(LOG::warn);
    private final RateLimitedLog refusals = new RateLimitedLog(LOG::warn);
    private final LongAdder hits = new LongAdder();
    private final LongAdder misses = new LongAdder();
    private final LongAdder stored = new LongAdder();
    private final LongAdder declined = new LongAdder();
    private final LongAdder failures = new LongAdder();

    ForgivingBackend(StorageBackend delegate) {
        super(delegate);
    }

    @Override
    public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
        return forgiven(super.containsPrefix(keys), keys);
    }

    @Override
    public CompletableFuture<Integer> confirmPrefix(List<ChunkKey> keys) {
        return forgiven(super.confirmPrefix(keys), keys);
    }

    private CompletableFuture<Integer> forgiven(CompletableFuture<Integer> lookup, List<ChunkKey> keys) {
        return lookup.exceptionally(error -> {
            failed("lookup of " + keys.size() + " chunks", error);
            return 0;
        });
    }

    @Override
    public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        return super.get(key, allocator).handle((chunk, error) -> {
            if (error != null) {
                failed("read of " + key, error);
                return Optional.empty();
            }
            (chunk.isPresent() ? hits : misses).increment();
            return chunk;
        });
    }

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        return super.put(key, meta, lease).handle((outcome, error) -> {
            if (error != null) {
                failed("write of " + key, error);
                return PutOutcome.declined(DeclineReason.UNAVAILABLE, String.valueOf(error.getMessage()));
            }
            switch (outcome) {
                case PutOutcome.Stored _ -> stored.increment();
                case PutOutcome.AlreadyPresent _ -> {}
                case PutOutcome.Declined refusal -> {
                    declined.increment();
                    refusals.warn("Tier '" + name() + "' declined " + key + ": " + refusal.message());
                }
            }
            return outcome;
        });
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        return super.tryInvalidate(key).exceptionally(error -> {
            failed("removal of " + key, error);
            return false;
        });
    }

    @Override
    public Optional<ChunkPin> tryPin(ChunkKey key) {
        try {
            return super.tryPin(key);
        } catch (RuntimeException | Error e) {
            failed("pin of " + key, e);
            return Optional.empty();
        }
    }

    private void failed(String operation, Throwable error) {
        failures.increment();
        Throwable cause =
                error instanceof CompletionException wrapper && wrapper.getCause() != null ? wrapper.getCause() : error;
        String reason = cause instanceof TimeoutException ? "it took longer than its deadline" : cause.toString();
        log.warn("Tier '" + name() + "': " + operation + " failed, the cache goes on without it: " + reason);
    }

    @Override
    public BackendStats stats() {
        return super.stats()
                .with(Map.of(
                        BackendCounter.TIER_HITS, hits.sum(),
                        BackendCounter.TIER_MISSES, misses.sum(),
                        BackendCounter.TIER_STORED, stored.sum(),
                        BackendCounter.TIER_DECLINED, declined.sum(),
                        BackendCounter.TIER_FAILURES, failures.sum()));
    }
}
