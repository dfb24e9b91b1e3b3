package io.lmcache.chunkfiles.io;

import io.lmcache.api.memory.KvBuffer;
import io.lmcache.chunkfiles.directory.NewChunkFile;
import java.io.IOException;

/** Knows how payload gets from memory to a new chunk file. Thread-safe. */
public interface WriteRoutes {
    /** The way for one write. */
    PayloadRoute open(NewChunkFile file, KvBuffer memory) throws IOException;

    /** Told that a write to the file failed; says whether the next route to it is another one. */
    default boolean hasOther(NewChunkFile file, Exception failure) {
        return false;
    }
}
