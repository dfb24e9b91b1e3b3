package io.lmcache.chunkfiles.io;

import java.io.Closeable;
import java.io.IOException;

/** The way that the payload of one operation takes. Thread-safe; whoever asked for it closes it after the operation. */
public interface PayloadRoute extends PieceTransfer.Movers, Closeable {
    /** Notes that the operation has moved all of the payload, so many bytes. */
    default void noteMoved(long bytes) {}

    /** Closes what was opened for the operation alone. */
    @Override
    default void close() throws IOException {}
}
