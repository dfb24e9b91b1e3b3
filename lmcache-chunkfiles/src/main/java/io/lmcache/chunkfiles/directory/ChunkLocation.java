package io.lmcache.chunkfiles.directory;

import io.lmcache.api.ChunkKey;

/**
 * A key resolved once: which file below a root is its chunk's. Made by {@link ChunkDirectory#locate}. Immutable and
 * thread-safe.
 */
public final class ChunkLocation {
    private final ChunkKey key;
    private final String name;

    ChunkLocation(ChunkKey key, String name) {
        this.key = key;
        this.name = name;
    }

    /** The chunk. */
    public ChunkKey key() {
        return key;
    }

    /** The path of its file below whichever root it lies in. */
    String name() {
        return name;
    }

    @Override
    public String toString() {
        return name;
    }
}
