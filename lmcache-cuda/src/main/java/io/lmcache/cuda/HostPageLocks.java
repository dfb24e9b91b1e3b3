package io.lmcache.cuda;

import io.lmcache.api.memory.HostBuffer;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Page-locks large regions of host memory, piece by piece and in the background: it takes a while, and a start must not
 * wait for it. Copies from and to what is not locked yet work, only slower.
 *
 * <p>Pieces end at multiples of {@link #PIECE_BYTES} in the address space. A copy must not lie partly in one lock and partly
 * in another, so whoever copies cuts there too, and need not know what is locked.
 *
 * <p>Thread-safe. The regions stay their owners', and stay until {@link #close()} has returned.
 */
public final class HostPageLocks implements Closeable {
    /** What pieces are aligned to, and at most as long as, in bytes. */
    public static final long PIECE_BYTES = 64L << 20;

    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final Logger LOG = LoggerFactory.getLogger(HostPageLocks.class);

    private final CudaDevice device;
    // Used by the thread alone until it has ended.
    private final ResourceStack locks = new ResourceStack();
    private final AtomicLong lockedBytes = new AtomicLong();
    private final Thread thread;
    private volatile boolean closing;

    private HostPageLocks(CudaDevice device, List<HostBuffer> regions) {
        this.device = device;
        this.thread =
                Thread.ofPlatform().daemon().name("lmcache-gds-page-locks").unstarted(() -> lockAll(regions));
    }

    /** Begins to lock the regions. The caller closes the result before the device. */
    public static HostPageLocks start(CudaDevice device, List<HostBuffer> regions) {
        HostPageLocks locks = new HostPageLocks(device, regions);
        locks.thread.start();
        return locks;
    }

    private void lockAll(List<HostBuffer> regions) {
        try {
            for (HostBuffer region : regions) {
                lock(region.segment());
            }
        } catch (CudaException e) {
            LOG.warn(
                    "Host memory is page-locked for {} bytes only ({}); copies between the rest and the GPU are slower;"
                            + " give the process more memory, or lower max_local_cpu_size",
                    lockedBytes,
                    e.getMessage());
        }
    }

    private void lock(MemorySegment region) throws CudaException {
        for (long offset = 0; offset < region.byteSize() && !closing; ) {
            long length = bytesOfOnePiece(region.address() + offset, region.byteSize() - offset);
            locks.add(device.pageLock(region.asSlice(offset, length)));
            lockedBytes.addAndGet(length);
            offset += length;
        }
    }

    /** How many of so many bytes from that address on lie in one piece. */
    public static long bytesOfOnePiece(long address, long bytes) {
        return Math.min(bytes, PIECE_BYTES - Math.floorMod(address, PIECE_BYTES));
    }

    /** The bytes that are locked by now. */
    public long lockedBytes() {
        return lockedBytes.get();
    }

    /**
     * Unlocks the memory, when the piece that is being locked is done. No copy may be under way. Idempotent.
     *
     * @throws IOException when memory stays locked
     */
    @Override
    public void close() throws IOException {
        closing = true;
        try {
            if (!thread.join(PATIENCE)) {
                throw new IOException("The CUDA driver has been locking a piece of host memory for "
                        + PATIENCE.toSeconds() + " seconds; what is locked stays so");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("Interrupted while host memory was being page-locked; what is locked stays so", e);
        }
        locks.close();
        lockedBytes.set(0);
    }
}
