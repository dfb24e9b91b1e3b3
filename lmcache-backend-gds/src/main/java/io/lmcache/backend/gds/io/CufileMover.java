package io.lmcache.backend.gds.io;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.backend.gds.cufile.CufileFile;
import io.lmcache.backend.gds.cufile.RegisteredBuffer;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.io.PieceTransfer;
import java.io.IOException;
import java.util.Optional;
import java.util.function.Consumer;

/** Moves pieces between a file and registered device memory, and has the device take their checksums. */
record CufileMover(
        StagingPool pool,
        Staging staging,
        CufileFile file,
        CufileFile.Mode mode,
        RegisteredBuffer registration,
        DeviceBuffer memory)
        implements PieceTransfer.Mover {
    @Override
    public int move(long start, long end) throws IOException {
        DeviceBuffer piece = memory.slice(start, end - start);
        long fileOffset = ChunkFileFormat.HEADER_BYTES + start;
        switch (mode) {
            case READ -> file.read(registration, piece, fileOffset);
            case WRITE -> file.write(registration, piece, fileOffset);
        }
        return staging.checksum().crc32c(piece);
    }

    @Override
    public void end(Consumer<Optional<Exception>> whenEnded) {
        whenEnded.accept(pool.drainAndGiveBack(staging));
    }
}
