package io.lmcache.cuda;

import io.lmcache.api.memory.DeviceBuffer;
import jcuda.driver.CUdeviceptr;

/** Makes device buffers of the pointers that an embedder's own CUDA code holds. Stateless and thread-safe. */
public final class DeviceBuffers {
    private DeviceBuffers() {}

    /**
     * The region of {@code bytes} bytes that starts where the pointer points, on the device of that ordinal. The memory
     * stays the embedder's.
     */
    public static DeviceBuffer of(CUdeviceptr pointer, long bytes, int ordinal) {
        return new DeviceBuffer(new Address(pointer).value(), bytes, ordinal);
    }

    /** jcuda shows the address to subclasses only. */
    private static final class Address extends CUdeviceptr {
        private Address(CUdeviceptr pointer) {
            super(pointer);
        }

        private long value() {
            return getNativePointer() + getByteOffset();
        }
    }
}
