package io.lmcache.backend.gds.io;

import io.lmcache.api.spi.Counters;
import io.lmcache.chunkfiles.io.PayloadRoute;
import io.lmcache.chunkfiles.io.PieceTransfer;
import java.io.Closeable;
import java.io.IOException;

/**
 * The way of one operation, counted by its name.
 *
 * @param path what it is called
 * @param movers what moves the payload
 * @param resources what was opened for this operation alone
 */
record Route(IoPath path, PieceTransfer.Movers movers, Closeable resources, Counters counters) implements PayloadRoute {
    @Override
    public PieceTransfer.Mover open() throws IOException {
        return movers.open();
    }

    @Override
    public void noteMoved(long bytes) {
        counters.increment(path.operations());
        counters.add(path.bytes(), bytes);
    }

    @Override
    public void close() throws IOException {
        resources.close();
    }
}
