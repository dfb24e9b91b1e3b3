package com.example.scratch;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
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
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;

/**
 * Chunks in host memory, copied there from wherever they were; the oldest goes first.
 *
 * <p>Thread-safe: one lock guards the map. Copying memory is no I/O, so every future is complete when it is returned.
 */
final class ScratchBackend implements StorageBackend {
    private record Entry(ChunkMeta meta, BufferLease lease) {}

    private static final long STAGING_BYTES = 64 << 20;

    private final HostRegion region;
    private final SlabAllocator stored;
    private final SlabAllocator staging;
    // The fields below are guarded by this.
    private final Map<ChunkKey, Entry> chunks = new LinkedHashMap<>();
    private final Map<ChunkKey, Integer> pins = new HashMap<>();
    private boolean closed;

    ScratchBackend(long capacityBytes) {
        this.region = new HostRegion(STAGING_BYTES + capacityBytes);
        HostBuffer memory = new HostBuffer(region.segment());
        this.staging = new SlabAllocator("scratch-staging", memory.slice(0, STAGING_BYTES), _ -> {});
        this.stored = new SlabAllocator("scratch", memory.slice(STAGING_BYTES, capacityBytes), _ -> {});
    }

    @Override
    public String name() {
        return ScratchBackendProvider.NAME;
    }

    @Override
    public Set<BackendCapability> capabilities() {
        return Set.of();
    }

    @Override
    public BufferAllocator allocator() {
        return staging;
    }

    @Override
    public synchronized CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
        int count = 0;
        while (count < keys.size() && chunks.containsKey(keys.get(count))) {
            count++;
        }
        return CompletableFuture.completedFuture(count);
    }

    // snippet: put
    @Override
    public synchronized CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        if (lease.buffer().byteSize() != meta.byteSize()) {
            throw new LmcacheException(ErrorCode.LAYOUT_MISMATCH, "The lease has not the bytes of " + meta);
        }
        return CompletableFuture.completedFuture(
                switch (lease.buffer()) {
                    case HostBuffer(MemorySegment bytes) -> store(key, meta, bytes);
                    case DeviceBuffer _ -> PutOutcome.declined(DeclineReason.UNSUPPORTED, "host memory only");
                });
    }

    private PutOutcome store(ChunkKey key, ChunkMeta meta, MemorySegment bytes) {
        if (closed) {
            return PutOutcome.declined(DeclineReason.CLOSED, "the backend is closed");
        }
        if (chunks.containsKey(key)) {
            return PutOutcome.alreadyPresent();
        }
        if (meta.byteSize() > stored.limitBytes()) {
            return PutOutcome.declined(DeclineReason.TOO_LARGE, "capacity_bytes is " + stored.limitBytes());
        }
        Optional<BufferLease> room = makeRoom(meta.byteSize());
        if (room.isEmpty()) {
            return PutOutcome.declined(DeclineReason.FULL, "every chunk is pinned or being read");
        }
        segment(room.get()).copyFrom(bytes);
        chunks.put(key, new Entry(meta, room.get()));
        return PutOutcome.stored();
    }
    // end

    private Optional<BufferLease> makeRoom(long bytes) {
        Optional<BufferLease> room = stored.tryAllocate(bytes);
        while (room.isEmpty() && removeOldest()) {
            room = stored.tryAllocate(bytes);
        }
        return room;
    }

    private boolean removeOldest() {
        return chunks.keySet().stream()
                .filter(this::isIdle)
                .findFirst()
                .map(this::remove)
                .isPresent();
    }

    private boolean isIdle(ChunkKey key) {
        Entry entry = chunks.get(key);
        return entry != null && entry.lease().isSole() && !pins.containsKey(key);
    }

    private boolean remove(ChunkKey key) {
        Entry entry = chunks.remove(key);
        if (entry != null) {
            entry.lease().close();
        }
        return entry != null;
    }

    private static MemorySegment segment(BufferLease own) {
        return ((HostBuffer) own.buffer()).segment();
    }

    // snippet: get
    @Override
    public synchronized CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        return CompletableFuture.completedFuture(Optional.ofNullable(chunks.get(key))
                .map(entry -> new StoredChunk(entry.meta(), entry.lease().share())));
    }
    // end

    @Override
    public synchronized Optional<ChunkPin> tryPin(ChunkKey key) {
        if (!chunks.containsKey(key)) {
            return Optional.empty();
        }
        pins.merge(key, 1, Integer::sum);
        AtomicBoolean open = new AtomicBoolean(true);
        return Optional.of(() -> {
            if (open.getAndSet(false)) {
                unpin(key);
            }
        });
    }

    private synchronized void unpin(ChunkKey key) {
        pins.computeIfPresent(key, (_, count) -> count == 1 ? null : count - 1);
    }

    @Override
    public synchronized CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        return CompletableFuture.completedFuture(!pins.containsKey(key) && remove(key));
    }

    @Override
    public synchronized void clear() {
        clear(_ -> true);
    }

    @Override
    public synchronized void clear(String model) {
        clear(key -> key.scope().model().equals(model));
    }

    private void clear(Predicate<ChunkKey> which) {
        List.copyOf(chunks.keySet()).stream().filter(which).filter(this::isIdle).forEach(this::remove);
    }

    @Override
    public synchronized BackendStats stats() {
        long bytes = chunks.values().stream()
                .mapToLong(entry -> entry.meta().byteSize())
                .sum();
        return new BackendStats(chunks.size(), bytes, stored.limitBytes(), Map.of());
    }

    // snippet: close
    @Override
    public synchronized void close() {
        closed = true;
        List.copyOf(chunks.keySet()).forEach(this::remove);
        try {
            stored.close();
        } finally {
            staging.close();
        }
        // Not after a leak was reported: somebody is still using the memory.
        region.close();
    }
    // end
}
