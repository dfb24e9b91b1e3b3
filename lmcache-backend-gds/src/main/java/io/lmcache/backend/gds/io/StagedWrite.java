package io.lmcache.backend.gds.io;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.chunkfiles.io.PayloadChannels;
import io.lmcache.chunkfiles.io.PieceTransfer;
import java.io.IOException;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

/** Moves pieces from a device through page-locked memory to a file. */
record StagedWrite(StagingPool pool, Staging staging, PayloadChannels file, DeviceBuffer memory)
        implements PieceTransfer.Mover {
    @Override
    public int move(long start, long end) throws IOException {
        CRC32C crc = new CRC32C();
        staging.copyOut(memory.slice(start, end - start), piece -> file.write(piece, start, crc));
        return (int) crc.getValue();
    }

    @Override
    public void end(Consumer<Optional<Exception>> whenEnded) {
        whenEnded.accept(pool.drainAndGiveBack(staging));
    }
}
