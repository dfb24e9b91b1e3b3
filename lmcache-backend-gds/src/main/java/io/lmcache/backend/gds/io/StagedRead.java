package io.lmcache.backend.gds.io;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.chunkfiles.io.PayloadChannels;
import io.lmcache.chunkfiles.io.PieceTransfer;
import java.io.IOException;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

/** Moves pieces from a file through page-locked memory to a device. */
record StagedRead(StagingPool pool, Staging staging, PayloadChannels file, DeviceBuffer memory)
        implements PieceTransfer.Mover {
    @Override
    public int move(long start, long end) throws IOException {
        CRC32C crc = new CRC32C();
        staging.copyIn(memory.slice(start, end - start), piece -> file.read(piece, start, crc));
        return (int) crc.getValue();
    }

    /** The thread goes on to its next chunk; its copies arrive meanwhile. */
    @Override
    public void end(Consumer<Optional<Exception>> whenEnded) {
        pool.giveBack(staging);
        pool.arrivals().whenAllArrived(whenEnded);
    }
}
