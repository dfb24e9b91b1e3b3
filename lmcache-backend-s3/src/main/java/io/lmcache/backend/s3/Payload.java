package io.lmcache.backend.s3;

import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.HostBuffer;
import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;

/** Payload where it lies, and its CRC-32C. */
final class Payload {
    private Payload() {}

    static MemorySegment segment(BufferLease lease) {
        if (lease.buffer() instanceof HostBuffer(MemorySegment segment)) {
            return segment;
        }
        throw new IllegalStateException("device memory was not declined");
    }

    static int crcOf(BufferLease lease) {
        CRC32C crc = new CRC32C();
        crc.update(segment(lease).asByteBuffer());
        return (int) crc.getValue();
    }
}
