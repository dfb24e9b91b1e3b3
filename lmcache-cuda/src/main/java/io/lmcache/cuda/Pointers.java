package io.lmcache.cuda;

import io.lmcache.api.memory.DeviceBuffer;
import java.lang.foreign.MemorySegment;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;

/** The pointers to regions of memory that jcuda wants. Stateless and thread-safe. */
public final class Pointers {
    private Pointers() {}

    /** A pointer to the start of a region of device memory. */
    public static CUdeviceptr of(DeviceBuffer buffer) {
        // jcuda has no constructor for a device address, but adds offsets to a null pointer.
        return new CUdeviceptr().withByteOffset(buffer.address());
    }

    /** A pointer to the start of a region of host memory. */
    public static Pointer of(MemorySegment segment) {
        return new HostPointer(segment.address());
    }

    /** jcuda takes a raw host address from subclasses only. */
    private static final class HostPointer extends Pointer {
        private HostPointer(long address) {
            super(address);
        }
    }
}
