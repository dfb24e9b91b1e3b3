package io.lmcache.chunkfiles.io;

import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.chunkfiles.directory.NewChunkFile;
import java.io.IOException;

/**
 * The one way from host memory to files. Thread-safe.
 *
 * @param isDirect whether to write with O_DIRECT
 */
public record HostWriteRoutes(boolean isDirect) implements WriteRoutes {
    @Override
    public PayloadRoute open(NewChunkFile file, KvBuffer memory) throws IOException {
        HostBuffer host = (HostBuffer) memory;
        WritableFile target = WritableFile.open(file, isDirect);
        PieceTransfer.Mover mover = target.channels().writer(host.segment());
        return new PayloadRoute() {
            @Override
            public PieceTransfer.Mover open() {
                return mover;
            }

            @Override
            public void close() throws IOException {
                target.close();
            }
        };
    }
}
