package io.lmcache.backend.gds.io;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.backend.posix.io.PayloadChannels;
import io.lmcache.backend.posix.io.PieceTransfer;
import java.io.IOException;
import java.util.zip.CRC32C;

/** Moves pieces from a file through page-locked memory to a device. */
record StagedRead(StagingPool pool, Staging staging, PayloadChannels file, DeviceBuffer memory)
        implements PieceTransfer.Mover {
    @Override
    public int move(long start, long end) throws IOException {
        CRC32C crc = new CRC32C();
        staging.copyIn(memory.slice(start, end - start), (part, offset) -> file.read(part, start + offset, crc));
        return (int) crc.getValue();
    }

    @Override
    public void close() throws IOException {
        pool.giveBack(staging);
    }
}
