package io.lmcache.backend.gds.io;

import io.lmcache.api.memory.DeviceBuffer;
import java.io.IOException;
import java.util.zip.CRC32C;

/** Brings the bytes to the host to compute their checksum there. */
record StagedChecksum(Staging staging) implements DeviceChecksum {
    @Override
    public int crc32c(DeviceBuffer region) throws IOException {
        CRC32C crc = new CRC32C();
        staging.copyOut(region, piece -> crc.update(piece.asByteBuffer()));
        return (int) crc.getValue();
    }
}
