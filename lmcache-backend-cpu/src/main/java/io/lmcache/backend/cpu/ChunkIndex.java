package io.lmcache.backend.cpu;

import com.github.benmanes.caffeine.cache.Cache;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.spi.Evictions;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Predicate;

/**
 * Which chunks lie in the slab, and which of them goes first.
 *
 * <p>Thread-safe. Locks are taken in this order: Caffeine's, a chunk's, the slab's. A chunk leaves the index before its
 * memory is released, so that what the index counts never exceeds what the slab has handed out.
 */
final class ChunkIndex {
    private final EvictionPolicy policy;
    private final Cache<ChunkKey, CachedChunk> cache;
    private final LongAdder chunks = new LongAdder();
    private final LongAdder bytes = new LongAdder();
    private final LongAdder evicted = new LongAdder();

    ChunkIndex(EvictionPolicy policy, long capacityBytes) {
        this.policy = policy;
        this.cache = policy.newCache(capacityBytes);
    }

    /** The chunk of that key; counts as a use of it. */
    Optional<CachedChunk> find(ChunkKey key) {
        return Optional.ofNullable(cache.getIfPresent(key));
    }

    /** Whether the key is there, without using it. */
    boolean contains(ChunkKey key) {
        return cache.asMap().containsKey(key);
    }

    /** Takes the chunk over, unless there is one of that key. */
    boolean add(ChunkKey key, CachedChunk chunk) {
        chunks.increment();
        bytes.add(chunk.byteSize());
        boolean added = cache.asMap().putIfAbsent(key, chunk) == null;
        if (!added) {
            uncount(chunk);
        }
        return added;
    }

    /** Removes a chunk whether it is in use or not; readers keep their leases. */
    boolean remove(ChunkKey key) {
        CachedChunk chunk = cache.asMap().get(key);
        return chunk != null && removeIf(CachedChunk::retire, key, chunk);
    }

    void removeAll() {
        cache.asMap().forEach((key, chunk) -> removeIf(CachedChunk::retire, key, chunk));
    }

    /** Removes the chunks of such keys that nobody uses. */
    void removeIdle(Predicate<ChunkKey> which) {
        cache.asMap().forEach((key, chunk) -> {
            if (which.test(key)) {
                removeIf(CachedChunk::retireIfIdle, key, chunk);
            }
        });
    }

    /** Evicts the first idle chunk in the order of the policy; false when there is none. */
    boolean evictOne() {
        while (true) {
            Optional<? extends Map.Entry<ChunkKey, CachedChunk>> victim = policy.firstIdle(cache);
            if (victim.isEmpty()) {
                return false;
            }
            // Someone may have come to use it since; then the next in order has to go.
            if (removeIf(
                    CachedChunk::retireIfIdle,
                    victim.get().getKey(),
                    victim.get().getValue())) {
                evicted.increment();
                Evictions.record(
                        CpuBackendProvider.NAME,
                        "evicted",
                        victim.get().getValue().byteSize());
                return true;
            }
        }
    }

    private boolean removeIf(Predicate<CachedChunk> retire, ChunkKey key, CachedChunk chunk) {
        if (!retire.test(chunk)) {
            return false;
        }
        cache.asMap().remove(key, chunk);
        uncount(chunk);
        chunk.release();
        return true;
    }

    private void uncount(CachedChunk chunk) {
        chunks.decrement();
        bytes.add(-chunk.byteSize());
    }

    long chunks() {
        return chunks.sum();
    }

    long bytes() {
        return bytes.sum();
    }

    /** How many chunks have been evicted since the start. */
    long evicted() {
        return evicted.sum();
    }
}
