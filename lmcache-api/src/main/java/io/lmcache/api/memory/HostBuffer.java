package io.lmcache.api.memory;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.lang.foreign.MemorySegment;

/**
 * A region of host memory.
 *
 * @param segment the region; native, and reachable from every thread
 */
public record HostBuffer(MemorySegment segment) implements KvBuffer {
    /** Checks that the segment is off heap. */
    public HostBuffer {
        if (!segment.isNative()) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "A KV buffer lies outside the Java heap, but this segment wraps an array; allocate it from an Arena");
        }
    }

    @Override
    public MemoryDomain domain() {
        return MemoryDomain.HOST;
    }

    @Override
    public long byteSize() {
        return segment.byteSize();
    }

    @Override
    public HostBuffer slice(long offset, long byteSize) {
        return new HostBuffer(segment.asSlice(offset, byteSize));
    }
}
