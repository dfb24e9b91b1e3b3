package io.lmcache.backend.redis;

import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.HostBuffer;
import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;

/** The CRC-32C of payload where it lies. */
final class Checksums {
    private Checksums() {}

    static int of(BufferLease lease) {
        if (lease.buffer() instanceof HostBuffer(MemorySegment segment)) {
            CRC32C crc = new CRC32C();
            crc.update(segment.asByteBuffer());
            return (int) crc.getValue();
        }
        throw new IllegalStateException("a put of device memory was not declined");
    }
}
