package io.lmcache.cuda;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.OffsetAllocator;
import java.io.Closeable;
import java.util.concurrent.atomic.AtomicBoolean;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;

/** Memory of a device, from its allocation to {@link #close()}. Thread-safe. */
public final class DeviceMemory implements Closeable {
    private final CudaDevice device;
    private final CUdeviceptr allocation;
    private final DeviceBuffer buffer;
    private final AtomicBoolean closed = new AtomicBoolean();

    private DeviceMemory(CudaDevice device, CUdeviceptr allocation, DeviceBuffer buffer) {
        this.device = device;
        this.allocation = allocation;
        this.buffer = buffer;
    }

    static DeviceMemory allocate(CudaDevice device, long bytes) throws CudaException {
        AllocatedPointer pointer = new AllocatedPointer();
        // CUDA promises an alignment of 256 only.
        long withSlack = bytes + OffsetAllocator.ALIGNMENT;
        device.call("cuMemAlloc of " + bytes + " bytes", () -> JCudaDriver.cuMemAlloc(pointer, withSlack));
        long start = OffsetAllocator.aligned(pointer.address());
        return new DeviceMemory(device, pointer, new DeviceBuffer(start, bytes, device.ordinal()));
    }

    /** The memory; starts at a multiple of 4096. */
    public DeviceBuffer buffer() {
        return buffer;
    }

    /** Frees the memory. Idempotent. */
    @Override
    public void close() throws CudaException {
        if (closed.compareAndSet(false, true)) {
            device.call("cuMemFree", () -> JCudaDriver.cuMemFree(allocation));
        }
    }

    /** jcuda shows the address to subclasses only. */
    private static final class AllocatedPointer extends CUdeviceptr {
        private long address() {
            return getNativePointer();
        }
    }

    @Override
    public String toString() {
        return "DeviceMemory[" + buffer + "]";
    }
}
