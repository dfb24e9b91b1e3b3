package io.lmcache.backend.gds.io;

import io.lmcache.api.memory.HostRegion;
import io.lmcache.backend.gds.cuda.CudaDevice;
import io.lmcache.backend.gds.cuda.ResourceStack;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Stagings for a fixed number of threads, on page-locked memory that is allocated once: locking costs half a millisecond
 * a MiB. Thread-safe.
 */
public final class StagingPool implements Closeable {
    private final CudaDevice device;
    private final ResourceStack resources;
    // Guarded by itself. The last one used is taken first: its memory is the most likely to be in the CPU's caches.
    private final Deque<Staging> free = new ArrayDeque<>();

    private StagingPool(CudaDevice device, ResourceStack resources) {
        this.device = device;
        this.resources = resources;
    }

    /** A pool for so many threads at a time. The caller closes it before the device. */
    public static StagingPool create(CudaDevice device, int threads) throws IOException {
        ResourceStack resources = new ResourceStack();
        StagingPool pool = new StagingPool(device, resources);
        boolean created = false;
        try {
            HostRegion region = new HostRegion(threads * Staging.BYTES);
            resources.add(region::close);
            resources.add(device.pageLock(region.segment()));
            for (int i = 0; i < threads; i++) {
                pool.free.add(
                        Staging.create(device, region.segment().asSlice(i * Staging.BYTES, Staging.BYTES), resources));
            }
            created = true;
            return pool;
        } finally {
            if (!created) {
                resources.close();
            }
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
