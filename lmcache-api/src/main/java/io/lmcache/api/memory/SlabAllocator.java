package io.lmcache.api.memory;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A {@link BufferAllocator} that cuts its buffers from one region, in host or in device memory.
 *
 * <p>Thread-safe. One lock guards the offsets and the reference counts, and is never held across the pressure hook or
 * I/O; before it in lock order comes one that lets allocations under pressure take turns. The region belongs to whoever made the allocator: close the allocator first, the region after.
 */
public final class SlabAllocator implements BufferAllocator, AutoCloseable {
    /** Gives up memory on demand, by eviction for instance. */
    @FunctionalInterface
    public interface PressureHook {
        /**
         * Tries to close leases until {@link SlabAllocator#largestFreeBytes()} reaches so many bytes, without waiting.
         * Called on the allocating thread, for one allocation at a time.
         */
        void relieve(long bytes);
    }

    private final String name;
    private final KvBuffer region;
    private final PressureHook pressureHook;
    private final boolean traceLeases;
    private final Object turn = new Object();
    private final Object lock = new Object();
    // The fields below are guarded by lock.
    private final OffsetAllocator offsets;
    private final Map<SlabLease, Throwable> places = new LinkedHashMap<>();
    private long openLeases;
    private long peak;
    private boolean underPressure;
    private boolean closed;

    /**
     * An allocator over the region.
     *
     * @param name a name for messages and metrics
     * @param region where buffers lie; starts at a multiple of 4096
     * @param pressureHook asked once for an allocation that does not fit
     */
    public SlabAllocator(String name, KvBuffer region, PressureHook pressureHook) {
        this.name = name;
        this.region = region;
        this.pressureHook = pressureHook;
        this.traceLeases = SlabAllocator.class.desiredAssertionStatus();
        this.offsets = new OffsetAllocator(region.byteSize());
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public MemoryDomain domain() {
        return region.domain();
    }

    @Override
    public long limitBytes() {
        return offsets.capacity();
    }

    @Override
    public long usedBytes() {
        synchronized (lock) {
            return offsets.used();
        }
    }

    @Override
    public long peakBytes() {
        synchronized (lock) {
            return peak;
        }
    }

    @Override
    public Optional<KvBuffer> region() {
        return Optional.of(region);
    }

    /** The longest buffer that could be allocated now without giving anything up, in bytes. */
    public long largestFreeBytes() {
        synchronized (lock) {
            return offsets.largestFree();
        }
    }

    @Override
    public Optional<BufferLease> tryAllocate(long bytes) {
        if (bytes < 1) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT, "Allocator '" + name + "': cannot allocate " + bytes + " bytes");
        }
        if (bytes > limitBytes()) {
            return Optional.empty();
        }
        Optional<BufferLease> lease = allocateUnlessUnderPressure(bytes);
        return lease.isPresent() ? lease : allocateUnderPressure(bytes);
    }

    private Optional<BufferLease> allocateUnlessUnderPressure(long bytes) {
        synchronized (lock) {
            return underPressure ? Optional.empty() : allocateFree(bytes);
        }
    }

    /** In turns: else one would take the memory that was given up for another, and that one would go without. */
    private Optional<BufferLease> allocateUnderPressure(long bytes) {
        synchronized (turn) {
            setUnderPressure(true);
            try {
                pressureHook.relieve(bytes);
                return allocateFree(bytes);
            } finally {
                setUnderPressure(false);
            }
        }
    }

    private void setUnderPressure(boolean value) {
        synchronized (lock) {
            underPressure = value;
        }
    }

    private Optional<BufferLease> allocateFree(long bytes) {
        synchronized (lock) {
            requireOpen();
            OptionalLong offset = offsets.allocate(bytes);
            if (offset.isEmpty()) {
                return Optional.empty();
            }
            peak = Math.max(peak, offsets.used());
            return Optional.of(open(new Block(offset.getAsLong(), bytes)));
        }
    }

    private SlabLease open(Block block) {
        block.leases++;
        SlabLease lease = new SlabLease(block);
        openLeases++;
        if (traceLeases) {
            places.put(lease, new Throwable("leased here"));
        }
        return lease;
    }

    private void requireOpen() {
        if (closed) {
            throw new LmcacheException(ErrorCode.CLOSED, "Allocator '" + name + "' is closed");
        }
    }

    /**
     * Ends the allocator. The region is untouched and stays its owner's.
     *
     * @throws LmcacheException with {@link ErrorCode#LEAK} when leases are open, with the places where they were taken
     *     when assertions are enabled; the allocator then stays open
     */
    @Override
    public void close() {
        synchronized (lock) {
            if (openLeases > 0) {
                throw leak();
            }
            closed = true;
        }
    }

    private LmcacheException leak() {
        LmcacheException leak = new LmcacheException(
                ErrorCode.LEAK,
                "Allocator '" + name + "' has " + openLeases + " open leases of together " + offsets.used()
                        + " bytes; close them first (run with -ea to see where they were taken)");
        places.values().stream().limit(10).forEach(leak::addSuppressed);
        return leak;
    }

    /** A range that is handed out, with the number of leases on it; guarded by lock. */
    private static final class Block {
        private final long offset;
        private final long bytes;
        private int leases;

        private Block(long offset, long bytes) {
            this.offset = offset;
            this.bytes = bytes;
        }
    }

    private final class SlabLease implements BufferLease {
        private final Block block;
        // Written under lock.
        private volatile boolean released;

        private SlabLease(Block block) {
            this.block = block;
        }

        @Override
        public KvBuffer buffer() {
            requireHeld();
            return region.slice(block.offset, block.bytes);
        }

        @Override
        public BufferLease share() {
            synchronized (lock) {
                requireHeld();
                return open(block);
            }
        }

        @Override
        public boolean isSole() {
            synchronized (lock) {
                return block.leases == 1;
            }
        }

        private void requireHeld() {
            if (released) {
                throw new LmcacheException(
                        ErrorCode.CLOSED, "A lease of allocator '" + name + "' was used after it had been closed");
            }
        }

        @Override
        public void close() {
            synchronized (lock) {
                if (released) {
                    return;
                }
                released = true;
                openLeases--;
                places.remove(this);
                if (--block.leases == 0) {
                    offsets.release(block.offset, block.bytes);
                }
            }
        }
    }

    @Override
    public String toString() {
        return "SlabAllocator[" + name + ", " + usedBytes() + " of " + limitBytes() + " bytes in use]";
    }
}
