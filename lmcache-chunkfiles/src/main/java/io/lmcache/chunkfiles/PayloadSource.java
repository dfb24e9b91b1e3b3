package io.lmcache.chunkfiles;

import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import io.lmcache.chunkfiles.io.PayloadRoute;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** A chunk file that is open for one read and whose header and length have passed their check. The reader closes it. */
public interface PayloadSource extends Closeable {
    /** A payload that is in memory and not checked yet; whoever has it owns the lease. */
    record Payload(BufferLease lease, int crc) {}

    /** The file. */
    Path path();

    /** What the header said. */
    HeaderCheck.Valid header();

    /** The payload, where it came together with the header; the first caller gets it. */
    default Optional<Payload> takePayload() {
        return Optional.empty();
    }

    /** The route for one attempt to bring the payload into this memory, which is as long. */
    PayloadRoute open(KvBuffer memory) throws IOException;

    /** Told that the attempt failed; says whether the next route is another one. */
    default boolean hasOther(Exception failure) {
        return false;
    }
}
