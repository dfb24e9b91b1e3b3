package io.lmcache.backend.cpu;

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
import io.lmcache.api.spi.BackendCounter;
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
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * Chunks in one slab of host memory.
 *
 * <p>A chunk that was prepared in {@link #allocator()} stays where it is: the tier shares the lease. A chunk in other
 * host memory is copied into the slab, on the calling thread, since a copy of memory is no I/O. A get leases the stored
 * bytes themselves.
 *
 * <p>Memory is made when someone asks for it: an allocation that does not fit evicts chunks until it does. A chunk that
 * is pinned, or leased to anyone but the tier, is passed over, so no reader loses its bytes.
 *
 * <p>Thread-safe. Puts and {@link #close()} exclude each other, so that no chunk is added to a closed tier.
 */
final class CpuBackend implements StorageBackend {
    private final HostRegion region;
    private final SlabAllocator slab;
    private final ChunkIndex index;
    private final ReadWriteLock lifecycle = new ReentrantReadWriteLock();
    // Written under the write lock of lifecycle.
    private volatile boolean closed;

    CpuBackend(long capacityBytes, EvictionPolicy policy) {
        this.index = new ChunkIndex(policy, capacityBytes);
        this.region = new HostRegion(capacityBytes);
        this.slab = new SlabAllocator(CpuBackendProvider.NAME, new HostBuffer(region.segment()), this::evictFor);
    }

    private void evictFor(long bytes) {
        while (slab.largestFreeBytes() < bytes && index.evictOne()) {
            // The freed range may have joined its neighbours.
        }
    }

    @Override
    public String name() {
        return CpuBackendProvider.NAME;
    }

    @Override
    public Set<BackendCapability> capabilities() {
        return Set.of();
    }

    @Override
    public BufferAllocator allocator() {
        return slab;
    }

    @Override
    public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
        int count = 0;
        while (count < keys.size() && index.contains(keys.get(count))) {
            count++;
        }
        return CompletableFuture.completedFuture(count);
    }

    @Override
    public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        return CompletableFuture.completedFuture(index.find(key).flatMap(CachedChunk::share));
    }

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        requireSize(meta, lease);
        lifecycle.readLock().lock();
        try {
            return CompletableFuture.completedFuture(store(key, meta, lease));
        } finally {
            lifecycle.readLock().unlock();
        }
    }

    private static void requireSize(ChunkMeta meta, BufferLease lease) {
        long actual = lease.buffer().byteSize();
        if (actual != meta.byteSize()) {
            throw new LmcacheException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "Backend 'cpu': a chunk of " + meta.tokens() + " tokens has " + meta.byteSize()
                            + " bytes, but the lease has " + actual + "; allocate exactly the bytes of the layout");
        }
    }

    private PutOutcome store(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        if (closed) {
            return PutOutcome.declined(DeclineReason.CLOSED, "the host tier is closed");
        }
        if (index.contains(key)) {
            return PutOutcome.alreadyPresent();
        }
        return switch (lease.buffer()) {
            case HostBuffer(MemorySegment bytes) when liesInSlab(bytes) -> keep(key, meta, lease);
            case HostBuffer(MemorySegment bytes) -> copy(key, meta, bytes);
            case DeviceBuffer ignored ->
                PutOutcome.declined(DeclineReason.UNSUPPORTED, "the host tier takes host memory, not device memory");
        };
    }

    private boolean liesInSlab(MemorySegment bytes) {
        long offset = bytes.address() - region.segment().address();
        return offset >= 0 && offset < region.segment().byteSize();
    }

    private PutOutcome keep(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        CachedChunk chunk = new CachedChunk(meta, lease.share());
        if (index.add(key, chunk)) {
            return PutOutcome.stored();
        }
        chunk.release();
        return PutOutcome.alreadyPresent();
    }

    private PutOutcome copy(ChunkKey key, ChunkMeta meta, MemorySegment bytes) {
        if (meta.byteSize() > slab.limitBytes()) {
            return PutOutcome.declined(
                    DeclineReason.TOO_LARGE,
                    "a chunk of " + meta.byteSize() + " bytes, but the host tier has " + slab.limitBytes());
        }
        Optional<BufferLease> room = slab.tryAllocate(meta.byteSize());
        if (room.isEmpty()) {
            return PutOutcome.declined(DeclineReason.FULL, "all chunks of the host tier are in use");
        }
        try (BufferLease copy = room.get()) {
            hostSegment(copy).copyFrom(bytes);
            return keep(key, meta, copy);
        }
    }

    private MemorySegment hostSegment(BufferLease own) {
        return switch (own.buffer()) {
            case HostBuffer(MemorySegment segment) -> segment;
            case DeviceBuffer device -> throw new IllegalStateException("The slab is host memory, not " + device);
        };
    }

    @Override
    public Optional<ChunkPin> tryPin(ChunkKey key) {
        return index.find(key).filter(CachedChunk::tryPin).map(CpuBackend::pin);
    }

    private static ChunkPin pin(CachedChunk chunk) {
        AtomicBoolean open = new AtomicBoolean(true);
        return () -> {
            if (open.getAndSet(false)) {
                chunk.unpin();
            }
        };
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        return CompletableFuture.completedFuture(index.remove(key));
    }

    @Override
    public void clear() {
        index.removeIdle(_ -> true);
    }

    @Override
    public void clear(String model) {
        index.removeIdle(key -> key.scope().model().equals(model));
    }

    @Override
    public BackendStats stats() {
        return new BackendStats(
                index.chunks(), index.bytes(), slab.limitBytes(), Map.of(BackendCounter.EVICTED, index.evicted()));
    }

    @Override
    public void close() {
        lifecycle.writeLock().lock();
        try {
            closed = true;
            index.removeAll();
            // Throws while someone holds a lease: then the region stays mapped, and a later close() ends it.
            slab.close();
            region.close();
        } finally {
            lifecycle.writeLock().unlock();
        }
    }
}
