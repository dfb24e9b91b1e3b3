package io.lmcache.testkit;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
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
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What a third party might write: a backend over a {@link Disk} that can be stalled, with staging memory of its own and
 * one thread for I/O. Evicts whatever its map names first.
 *
 * <p>Thread-safe.
 */
class ExampleBackend implements StorageBackend {
    /** Storage that outlives its backends. The gate stands for a device that hangs. */
    static final class Disk {
        record Stored(ChunkMeta meta, MemorySegment bytes) {}

        // Guarded by this.
        final SortedMap<String, Stored> chunks = new TreeMap<>();
        private @Nullable CompletableFuture<@Nullable Void> stall;

        synchronized AutoCloseable stall() {
            CompletableFuture<@Nullable Void> gate = new CompletableFuture<>();
            stall = gate;
            return () -> gate.complete(null);
        }

        void access() {
            CompletableFuture<@Nullable Void> gate;
            synchronized (this) {
                gate = stall;
            }
            if (gate != null) {
                gate.join();
            }
        }
    }

    private final long capacity;
    final Disk disk;
    private final HostRegion region = new HostRegion(4 << 20);
    private final SlabAllocator staging = new SlabAllocator("staging", new HostBuffer(region.segment()), needed -> {});
    private final ExecutorService io = Executors.newSingleThreadExecutor();
    // Guarded by disk.
    private final Map<String, Integer> pins = new TreeMap<>();

    ExampleBackend(Disk disk, long capacity) {
        this.disk = disk;
        this.capacity = capacity;
    }

    /** The name in the storage; one for each key. */
    String nameOf(ChunkKey key) {
        return key.text();
    }

    @Override
    public String name() {
        return "example";
    }

    @Override
    public Set<BackendCapability> capabilities() {
        return Set.of(BackendCapability.PERSISTENT, BackendCapability.SHARED);
    }

    @Override
    public BufferAllocator allocator() {
        return staging;
    }

    @Override
    public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
        return submit(0, () -> {
            int count = 0;
            while (count < keys.size() && holds(keys.get(count))) {
                count++;
            }
            return count;
        });
    }

    boolean holds(ChunkKey key) {
        synchronized (disk) {
            return disk.chunks.containsKey(nameOf(key));
        }
    }

    @Override
    public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        return submit(Optional.empty(), () -> read(key, allocator));
    }

    Optional<StoredChunk> read(ChunkKey key, BufferAllocator allocator) {
        disk.access();
        synchronized (disk) {
            Disk.Stored stored = disk.chunks.get(nameOf(key));
            if (stored == null) {
                return Optional.empty();
            }
            Optional<BufferLease> lease = allocate(allocator, stored.meta().byteSize());
            lease.ifPresent(to -> segment(to).copyFrom(stored.bytes()));
            return lease.map(to -> new StoredChunk(stored.meta(), to));
        }
    }

    Optional<BufferLease> allocate(BufferAllocator allocator, long bytes) {
        return allocator.tryAllocate(bytes);
    }

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        requireSize(meta, lease);
        BufferLease share = lease.share();
        return submit(PutOutcome.declined(DeclineReason.CLOSED, "closed"), () -> write(key, meta, share))
                .whenComplete((outcome, failure) -> share.close())
                // Whoever cancels the copy neither stops the write nor keeps it from closing the share.
                .copy();
    }

    void requireSize(ChunkMeta meta, BufferLease lease) {
        if (lease.buffer().byteSize() != meta.byteSize()) {
            throw new LmcacheException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "A lease of " + lease.buffer().byteSize() + " bytes cannot hold " + meta.byteSize());
        }
    }

    PutOutcome write(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        disk.access();
        synchronized (disk) {
            if (isPresent(key)) {
                return PutOutcome.alreadyPresent();
            }
            if (meta.byteSize() > capacity) {
                return PutOutcome.declined(DeclineReason.TOO_LARGE, "limit " + capacity);
            }
            if (!makeRoom(meta.byteSize())) {
                return PutOutcome.declined(DeclineReason.FULL, "all pinned");
            }
            MemorySegment bytes = Arena.ofAuto().allocate(meta.byteSize());
            disk.chunks.put(nameOf(key), new Disk.Stored(meta, bytes.copyFrom(segment(lease))));
            return PutOutcome.stored();
        }
    }

    boolean isPresent(ChunkKey key) {
        return holds(key);
    }

    boolean makeRoom(long bytes) {
        for (String name : List.copyOf(disk.chunks.keySet())) {
            if (storedBytes() + bytes <= capacity) {
                return true;
            }
            if (!isPinned(name)) {
                remove(name);
            }
        }
        return storedBytes() + bytes <= capacity;
    }

    boolean isPinned(String name) {
        return pins.containsKey(name);
    }

    boolean remove(String name) {
        return disk.chunks.remove(name) != null;
    }

    private long storedBytes() {
        return disk.chunks.values().stream()
                .mapToLong(chunk -> chunk.meta().byteSize())
                .sum();
    }

    @Override
    public Optional<ChunkPin> tryPin(ChunkKey key) {
        String name = nameOf(key);
        synchronized (disk) {
            if (isClosed() || !holds(key)) {
                return Optional.empty();
            }
            pins.merge(name, 1, Integer::sum);
        }
        AtomicBoolean open = new AtomicBoolean(true);
        return Optional.of(() -> unpin(name, open));
    }

    void unpin(String name, AtomicBoolean open) {
        if (open.getAndSet(false)) {
            synchronized (disk) {
                pins.computeIfPresent(name, (same, count) -> count == 1 ? null : count - 1);
            }
        }
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        return submit(false, () -> {
            disk.access();
            synchronized (disk) {
                return remove(nameOf(key));
            }
        });
    }

    @Override
    public void clear() {
        clear(_ -> true);
    }

    @Override
    public void clear(String model) {
        clear(name -> ChunkKey.parse(name).scope().model().equals(model));
    }

    private void clear(Predicate<String> which) {
        synchronized (disk) {
            List.copyOf(disk.chunks.keySet()).stream()
                    .filter(which)
                    .filter(name -> !isPinned(name))
                    .forEach(this::remove);
        }
    }

    @Override
    public BackendStats stats() {
        synchronized (disk) {
            return new BackendStats(disk.chunks.size(), storedBytes(), capacity, Map.of());
        }
    }

    @Override
    public void close() {
        io.shutdown();
        try {
            if (!io.awaitTermination(10, TimeUnit.SECONDS)) {
                throw new LmcacheException(ErrorCode.TIMEOUT, "I/O has not ended within 10 s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        staging.close();
        region.close();
    }

    <T> CompletableFuture<T> submit(T whenClosed, Supplier<T> work) {
        try {
            return CompletableFuture.supplyAsync(work, io);
        } catch (RejectedExecutionException e) {
            return CompletableFuture.completedFuture(whenClosed);
        }
    }

    boolean isClosed() {
        return io.isShutdown();
    }

    /** Whether the lease is on this backend's staging memory. */
    boolean isOwn(BufferLease lease) {
        return region.segment().asOverlappingSlice(segment(lease)).isPresent();
    }

    private static MemorySegment segment(BufferLease lease) {
        return TestChunks.hostSegment(lease);
    }

    /** The contract of this backend, or of a variant. */
    abstract static class Contract extends StorageBackendContract {
        private final List<Disk> disks = new ArrayList<>();

        abstract ExampleBackend over(Disk disk, long capacity);

        @Override
        protected StorageBackend createBackend(long capacityBytes) {
            disks.add(new Disk());
            return over(disks.getLast(), capacityBytes);
        }

        @Override
        protected StorageBackend reopen() {
            return over(disks.getLast(), Long.MAX_VALUE >> 1);
        }

        @Override
        protected Optional<AutoCloseable> stallStorage() {
            return Optional.of(disks.getLast().stall());
        }
    }
}
