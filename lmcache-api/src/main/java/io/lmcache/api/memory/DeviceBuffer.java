package io.lmcache.api.memory;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.util.Objects;

/**
 * A region of GPU memory.
 *
 * @param address the device pointer
 * @param byteSize the length in bytes, at least 0
 * @param ordinal the CUDA ordinal of the device
 */
public record DeviceBuffer(long address, long byteSize, int ordinal) implements KvBuffer {
    /** Checks that the region can exist. */
    public DeviceBuffer {
        if (address == 0 || byteSize < 0 || ordinal < 0) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "No device buffer: address " + address + ", " + byteSize + " bytes, device " + ordinal);
        }
    }

    @Override
    public MemoryDomain domain() {
        return MemoryDomain.DEVICE;
    }

    @Override
    public DeviceBuffer slice(long offset, long size) {
        Objects.checkFromIndexSize(offset, size, byteSize);
        return new DeviceBuffer(address + offset, size, ordinal);
    }
}
