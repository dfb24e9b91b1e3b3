package io.lmcache.core.storage;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.BackendCapability;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.ChunkPin;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A tier for tests that keeps every chunk in a slab until it is full, as a memory tier (gets share the stored bytes) or,
 * when persistent, as a file tier does (gets copy into the caller's allocator). Never evicts.
 */
public final class MemoryTier implements StorageBackend {
    private final String name;
    private final boolean persistent;
    private final HostRegion region;
    private final SlabAllocator slab;
    private final HostRegion stagingRegion;
    private final SlabAllocator staging;
    final Map<ChunkKey, StoredChunk> chunks = new ConcurrentHashMap<>();

    private MemoryTier(String name, boolean persistent, long capacity, long stagingCapacity) {
        this.name = name;
        this.persistent = persistent;
        this.region = new HostRegion(capacity);
        this.slab = new SlabAllocator(name, new HostBuffer(region.segment()), _ -> {});
        this.stagingRegion = new HostRegion(stagingCapacity);
        this.staging = new SlabAllocator(name + "-staging", new HostBuffer(stagingRegion.segment()), _ -> {});
    }

    public static MemoryTier memory(long capacity) {
        return new MemoryTier("fast", false, capacity, 4096);
    }

    public static MemoryTier persistent(long capacity, long staging) {
        return new MemoryTier("slow", true, capacity, staging);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Set<BackendCapability> capabilities() {
        return persistent ? Set.of(BackendCapability.PERSISTENT) : Set.of();
    }

    @Override
    public BufferAllocator allocator() {
        return persistent ? staging : slab;
    }

    @Override
    public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
        int count = 0;
        while (count < keys.size() && chunks.containsKey(keys.get(count))) {
            count++;
        }
        return CompletableFuture.completedFuture(count);
    }

    @Override
    public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        return CompletableFuture.completedFuture(Optional.ofNullable(chunks.get(key))
                .flatMap(chunk -> (persistent
                                ? copy(chunk.lease(), allocator)
                                : Optional.of(chunk.lease().share()))
                        .map(lease -> new StoredChunk(chunk.meta(), lease))));
    }

    private static Optional<BufferLease> copy(BufferLease from, BufferAllocator allocator) {
        Optional<BufferLease> to = allocator.tryAllocate(from.buffer().byteSize());
        to.ifPresent(lease -> segment(lease).copyFrom(segment(from)));
        return to;
    }

    static MemorySegment segment(BufferLease lease) {
        return ((HostBuffer) lease.buffer()).segment();
    }

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        if (chunks.containsKey(key)) {
            return CompletableFuture.completedFuture(PutOutcome.alreadyPresent());
        }
        Optional<BufferLease> kept = isOwn(lease) ? Optional.of(lease.share()) : copy(lease, slab);
        if (kept.isEmpty()) {
            return CompletableFuture.completedFuture(PutOutcome.declined(DeclineReason.FULL, "full"));
        }
        chunks.put(key, new StoredChunk(meta, kept.get()));
        return CompletableFuture.completedFuture(PutOutcome.stored());
    }

    private boolean isOwn(BufferLease lease) {
        return region.segment().asOverlappingSlice(segment(lease)).isPresent();
    }

    @Override
    public Optional<ChunkPin> tryPin(ChunkKey key) {
        return Optional.ofNullable(chunks.get(key)).map(chunk -> chunk.lease().share()::close);
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        StoredChunk removed = chunks.remove(key);
        if (removed != null) {
            removed.close();
        }
        return CompletableFuture.completedFuture(removed != null);
    }

    @Override
    public void clear() {
        List.copyOf(chunks.keySet()).forEach(key -> tryInvalidate(key).join());
    }

    @Override
    public void clear(String model) {
        List.copyOf(chunks.keySet()).stream()
                .filter(key -> key.scope().model().equals(model))
                .forEach(key -> tryInvalidate(key).join());
    }

    @Override
    public BackendStats stats() {
        return new BackendStats(chunks.size(), slab.usedBytes(), slab.limitBytes(), Map.of());
    }

    @Override
    public void close() {
        clear();
        staging.close();
        slab.close();
        stagingRegion.close();
        region.close();
    }
}
