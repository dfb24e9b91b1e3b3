package io.lmcache.backend.gds.io;

import io.lmcache.api.memory.HostRegion;
import io.lmcache.backend.gds.cuda.CudaDevice;
import io.lmcache.backend.gds.cuda.ResourceStack;
import io.lmcache.backend.gds.kernel.CudaKernels;
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
    private final ResourceStack resources;
    // Guarded by itself. The last one used is taken first: its memory is the most likely to be in the CPU's caches.
    private final Deque<Staging> free = new ArrayDeque<>();

    private StagingPool(CudaDevice device, ResourceStack resources) {
        this.device = device;
        this.resources = resources;
    }

    /**
     * A pool for so many threads at a time. The caller closes it before the device.
     *
     * @param withKernel whether checksums of device memory will be asked for, and the kernel for them is loaded
     */
    public static StagingPool create(CudaDevice device, int threads, boolean withKernel) throws IOException {
        ResourceStack resources = new ResourceStack();
        StagingPool pool = new StagingPool(device, resources);
        boolean created = false;
        try {
            HostRegion region = new HostRegion(threads * Staging.BYTES);
            resources.add(region::close);
            resources.add(device.pageLock(region.segment()));
            Optional<CudaKernels> kernels = withKernel ? loadKernels(device, resources) : Optional.empty();
            for (int i = 0; i < threads; i++) {
                MemorySegment memory = region.segment().asSlice(i * Staging.BYTES, Staging.BYTES);
                pool.free.add(Staging.create(device, memory, kernels, resources));
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

    /** A staging for the calling thread, to be given back by {@link #giveBack}; makes the device's context current. */
    Staging take() throws IOException {
        device.makeCurrent();
        synchronized (free) {
            return free.pop();
        }
    }

    /** Waits for the copies of a staging, and takes it back. */
    void giveBack(Staging staging) throws IOException {
        try {
            staging.drain();
        } finally {
            synchronized (free) {
                free.push(staging);
            }
        }
    }

    /** Ends all stagings. None may be in use. */
    @Override
    public void close() throws IOException {
        resources.close();
    }
}
