package io.lmcache.backend.cpu;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Policy.CacheEntry;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.OffsetAllocator;
import java.time.Duration;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * In which order chunks give way.
 *
 * <p>Caffeine keeps the order, but never evicts: when to evict, and which chunk of that order may go, is decided by
 * memory, which it does not see. So time stands still for it, which leaves the orders by time to the sequence of calls
 * and lets nothing expire; and the order by frequency has a maximum that the slab cannot exceed.
 */
enum EvictionPolicy {
    /** The least recently used first. */
    LRU,
    /** The least frequently used first, as estimated by Caffeine; uses count from when the tier is half full. */
    LFU,
    /** The first stored first. */
    FIFO,
    /** The most recently used first. */
    MRU;

    /** Any would do: time stands still. */
    private static final Duration NEVER = Duration.ofDays(1);

    Cache<ChunkKey, CachedChunk> newCache(long capacityBytes) {
        // Its housekeeping is short; on the calling thread the order is current when it is asked for.
        Caffeine<Object, Object> builder =
                Caffeine.newBuilder().executor(Runnable::run).ticker(() -> 0);
        return switch (this) {
            case LRU, MRU -> builder.expireAfterAccess(NEVER).build();
            case FIFO -> builder.expireAfterWrite(NEVER).build();
            case LFU ->
                builder.maximumWeight(capacityBytes / OffsetAllocator.ALIGNMENT)
                        .weigher(EvictionPolicy::pages)
                        .build();
        };
    }

    private static int pages(ChunkKey key, CachedChunk chunk) {
        return Math.toIntExact(Math.ceilDiv(chunk.byteSize(), OffsetAllocator.ALIGNMENT));
    }

    /** The first chunk in this order that nobody uses. */
    Optional<CacheEntry<ChunkKey, CachedChunk>> firstIdle(Cache<ChunkKey, CachedChunk> cache) {
        var policy = cache.policy();
        return switch (this) {
            case LRU -> policy.expireAfterAccess().orElseThrow().oldest(EvictionPolicy::idle);
            case MRU -> policy.expireAfterAccess().orElseThrow().youngest(EvictionPolicy::idle);
            case FIFO -> policy.expireAfterWrite().orElseThrow().oldest(EvictionPolicy::idle);
            case LFU -> policy.eviction().orElseThrow().coldest(EvictionPolicy::idle);
        };
    }

    private static Optional<CacheEntry<ChunkKey, CachedChunk>> idle(Stream<CacheEntry<ChunkKey, CachedChunk>> order) {
        return order.filter(entry -> entry.getValue().isIdle()).findFirst();
    }
}
