package io.lmcache.cuda;

import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.posix.NativeMemory;
import io.lmcache.api.posix.PosixException;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import jcuda.driver.CUresult;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Commits and page-locks large regions of host memory, several pieces at a time and in the background: it takes a while,
 * and a start must not wait for it. Copies from and to what is not locked yet work, only slower.
 *
 * <p>Pieces end at multiples of {@link #PIECE_BYTES} in the address space. A copy must not lie partly in one lock and partly
 * in another, so whoever copies cuts there too, and need not know what is locked. A piece that somebody else in this process
 * has locked is left to them.
 *
 * <p>Thread-safe. The regions stay their owners', and stay until {@link #close()} has returned.
 */
public final class HostPageLocks implements Closeable {
    /** What pieces are aligned to, and at most as long as, in bytes. */
    public static final long PIECE_BYTES = 64L << 20;

    private static final Duration PATIENCE = Duration.ofSeconds(10);
    /** Committing pages takes a core each; locking them takes the driver, which does one at a time. */
    private static final int MOST_THREADS = 8;

    private static final Logger LOG = LoggerFactory.getLogger(HostPageLocks.class);

    private final CudaDevice device;
    private final Queue<MemorySegment> pieces = new ConcurrentLinkedQueue<>();
    private final Queue<PageLock> locks = new ConcurrentLinkedQueue<>();
    private final AtomicLong lockedBytes = new AtomicLong();
    private final ReentrantLock driver = new ReentrantLock();
    private final AtomicBoolean warned = new AtomicBoolean();
    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean closing;

    private HostPageLocks(CudaDevice device, List<HostBuffer> regions) {
        this.device = device;
        for (HostBuffer region : regions) {
            cut(region.segment());
        }
        int cores = Runtime.getRuntime().availableProcessors();
        for (int i = 0; i < Math.clamp(cores / 2, 1, MOST_THREADS); i++) {
            threads.add(
                    Thread.ofPlatform().daemon().name("lmcache-page-locks-" + i).unstarted(this::lockPieces));
        }
    }

    /** Begins to lock the regions. The caller closes the result before the device. */
    public static HostPageLocks start(CudaDevice device, List<HostBuffer> regions) {
        HostPageLocks locks = new HostPageLocks(device, regions);
        locks.threads.forEach(Thread::start);
        return locks;
    }

    private void cut(MemorySegment region) {
        for (long offset = 0; offset < region.byteSize(); ) {
            long length = bytesOfOnePiece(region.address() + offset, region.byteSize() - offset);
            pieces.add(region.asSlice(offset, length));
            offset += length;
        }
    }

    private void lockPieces() {
        try {
            for (MemorySegment piece = pieces.poll(); piece != null && !closing; piece = pieces.poll()) {
                lock(piece);
            }
            LOG.debug("{} bytes of host memory are page-locked by now", lockedBytes);
        } catch (CudaException e) {
            pieces.clear();
            if (warned.compareAndSet(false, true)) {
                LOG.warn(
                        "Host memory is page-locked for {} bytes only ({}); copies between the rest and the GPU are"
                                + " slower; give the process more memory, or lower max_local_cpu_size",
                        lockedBytes,
                        e.getMessage());
            }
        }
    }

    private void lock(MemorySegment piece) throws CudaException {
        commit(piece);
        driver.lock();
        try {
            long began = System.nanoTime();
            lockCommitted(piece);
            // The driver does one thing at a time, and not in the order of the asking: half of its time is left to
            // others.
            LockSupport.parkNanos(System.nanoTime() - began);
        } finally {
            driver.unlock();
        }
        lockedBytes.addAndGet(piece.byteSize());
    }

    private void lockCommitted(MemorySegment piece) throws CudaException {
        try {
            locks.add(device.pageLock(piece));
        } catch (CudaException e) {
            if (e.code() != CUresult.CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED) {
                throw e;
            }
        }
    }

    /** Locking commits, too, but on one core: committed pages are locked several times faster. */
    private static void commit(MemorySegment piece) {
        try {
            NativeMemory.commit(piece);
        } catch (PosixException e) {
            LOG.debug("Memory is committed by its lock: {}", e.getMessage());
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
     * Unlocks the memory, when the pieces that are being locked are done. No copy may be under way. Idempotent.
     *
     * @throws IOException when memory stays locked
     */
    @Override
    public void close() throws IOException {
        closing = true;
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        try {
            for (Thread thread : threads) {
                if (!thread.join(Duration.ofNanos(Math.max(1, deadline - System.nanoTime())))) {
                    throw new IOException("The CUDA driver has been locking a piece of host memory for "
                            + PATIENCE.toSeconds() + " seconds; what is locked stays so");
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("Interrupted while host memory was being page-locked; what is locked stays so", e);
        }
        try (ResourceStack unlocked = new ResourceStack()) {
            for (PageLock lock = locks.poll(); lock != null; lock = locks.poll()) {
                unlocked.add(lock);
            }
        }
        lockedBytes.set(0);
    }

    @Override
    public String toString() {
        return "HostPageLocks[" + device + ", " + lockedBytes + " bytes]";
    }
}
