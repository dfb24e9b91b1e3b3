package io.lmcache.chunkfiles.directory;

/** Where the file of a key lies, or why a format has no file for it. Immutable and thread-safe. */
public sealed interface ChunkName {
    /**
     * The key's file.
     *
     * @param path its path below the root of a chunk directory: two levels of directories, then the file, with {@code /}
     *     between
     */
    record Below(String path) implements ChunkName {}

    /**
     * The format cannot express the key.
     *
     * @param reason why, as a sentence without its full stop
     */
    record Inexpressible(String reason) implements ChunkName {}
}
