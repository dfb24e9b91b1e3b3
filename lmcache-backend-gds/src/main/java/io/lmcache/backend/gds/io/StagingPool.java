package io.lmcache.backend.gds.io;

import io.lmcache.api.memory.HostRegion;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.CudaStream;
import io.lmcache.cuda.ResourceStack;
import io.lmcache.cuda.kernel.CudaKernels;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stagings for a fixed number of threads, on page-locked memory that is allocated once: locking costs half a millisecond
 * a MiB. Thread-safe.
 */
public final class StagingPool implements Closeable {
    private static final Logger LOG = LoggerFactory.getLogger(StagingPool.class);

    private final CudaDevice device;
    private final long bytes;
    private final Arrivals arrivals;
    private final ResourceStack resources;
    // Guarded by itself. The last one used is taken first: its memory is the most likely to be in the CPU's caches.
    private final Deque<Staging> free = new ArrayDeque<>();

    private StagingPool(CudaDevice device, long bytes, Arrivals arrivals, ResourceStack resources) {
        this.device = device;
        this.bytes = bytes;
        this.arrivals = arrivals;
        this.resources = resources;
    }

    /**
     * A pool for so many threads at a time. The caller closes it before the device.
     *
     * @param withKernel whether checksums of device memory will be asked for, and the kernel for them is loaded
     */
    public static StagingPool create(CudaDevice device, int threads, boolean withKernel) throws IOException {
        ResourceStack resources = new ResourceStack();
        boolean created = false;
        try {
            HostRegion region = new HostRegion(threads * Staging.BYTES);
            resources.add(region::close);
            resources.add(device.pageLock(region.segment()));
            Optional<CudaKernels> kernels = withKernel ? loadKernels(device, resources) : Optional.empty();
            CudaStream toDevice = resources.add(device.newStream());
            StagingPool pool = new StagingPool(
                    device, region.segment().byteSize(), resources.add(new Arrivals(device, toDevice)), resources);
            for (int i = 0; i < threads; i++) {
                MemorySegment memory = region.segment().asSlice(i * Staging.BYTES, Staging.BYTES);
                pool.free.add(Staging.create(device, memory, toDevice, kernels, resources));
            }
            created = true;
            return pool;
        } finally {
            if (!created) {
                resources.close();
            }
        }
    }

    private static Optional<CudaKernels> loadKernels(CudaDevice device, ResourceStack resources) {
        try {
            CudaKernels kernels = CudaKernels.load(device);
            resources.add(kernels::close);
            return Optional.of(kernels);
        } catch (IOException e) {
            LOG.warn(
                    "The checksum kernel cannot be loaded onto {} ({}); checksums of GPU memory are taken on the CPU,"
                            + " which costs a copy; install a newer NVIDIA driver",
                    device,
                    e.getMessage());
            return Optional.empty();
        }
    }

    /** A staging for the calling thread, which gives it back; makes the device's context current. */
    Staging take() throws IOException {
        device.makeCurrent();
        synchronized (free) {
            return free.pop();
        }
    }

    /** Takes a staging back. Copies to the device may be under way: its next user waits for the slices they are from. */
    void giveBack(Staging staging) {
        synchronized (free) {
            free.push(staging);
        }
    }

    /** Takes a staging back when nothing is on the way to the host any more; the answer is what failed, if something did. */
    Optional<Exception> drainAndGiveBack(Staging staging) {
        try {
            staging.drain();
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of(e);
        } finally {
            giveBack(staging);
        }
    }

    /** The page-locked bytes of all stagings. */
    public long bytes() {
        return bytes;
    }

    /** What tells when copies to the device have arrived. */
    Arrivals arrivals() {
        return arrivals;
    }

    /**
     * Waits until all copies have arrived and whoever waits for them was told, until {@link System#nanoTime()} at most. To
     * be called when no thread begins a copy any more.
     *
     * @return whether that is so
     */
    public boolean awaitArrivals(long deadlineNanos) {
        return arrivals.awaitEnd(deadlineNanos);
    }

    /** Ends all stagings. None may be in use. */
    @Override
    public void close() throws IOException {
        resources.close();
    }
}
