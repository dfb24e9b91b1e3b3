package io.lmcache.backend.gds.io;

import io.lmcache.api.memory.DeviceBuffer;
import java.io.IOException;

/** Computes CRC-32C of device memory. For one thread at a time. */
interface DeviceChecksum {
    /** The checksum of a region of one piece at most. */
    int crc32c(DeviceBuffer region) throws IOException;
}
