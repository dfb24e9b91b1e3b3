package io.lmcache.cuda;

import java.io.Closeable;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import jcuda.driver.JCudaDriver;

/** Keeps host memory page-locked until {@link #close()}. Thread-safe. */
public final class PageLock implements Closeable {
    // For every device of the process, not for the locking one alone.
    private static final int PORTABLE = JCudaDriver.CU_MEMHOSTREGISTER_PORTABLE;

    private final CudaDevice device;
    private final MemorySegment memory;
    private final AtomicBoolean closed = new AtomicBoolean();

    private PageLock(CudaDevice device, MemorySegment memory) {
        this.device = device;
        this.memory = memory;
    }

    static PageLock lock(CudaDevice device, MemorySegment memory) throws CudaException {
        device.call(
                "cuMemHostRegister of " + memory.byteSize() + " bytes",
                () -> JCudaDriver.cuMemHostRegister(Pointers.of(memory), memory.byteSize(), PORTABLE));
        return new PageLock(device, memory);
    }

    /** Lets the pages move again. Idempotent. */
    @Override
    public void close() throws CudaException {
        if (closed.compareAndSet(false, true)) {
            device.call("cuMemHostUnregister", () -> JCudaDriver.cuMemHostUnregister(Pointers.of(memory)));
        }
    }

    @Override
    public String toString() {
        return "PageLock[" + device + ", " + memory.byteSize() + " bytes]";
    }
}
