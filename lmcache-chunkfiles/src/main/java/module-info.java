/**
 * Chunk files: what they look like, the directory they lie in, and what moves payload in and out of them.
 *
 * <p>{@code io.lmcache.chunkfiles} is the backend, over a transport of payload; {@code io.lmcache.chunkfiles.directory} knows where chunk files lie and what becomes of them, and moves no payload;
 * {@code io.lmcache.chunkfiles.format} knows what they look like; {@code io.lmcache.chunkfiles.io} moves payload;
 * {@code io.lmcache.chunkfiles.convert} turns a directory of one format into another;
 * {@code io.lmcache.chunkfiles.inspect} looks at, and after, a directory that others use;
 * {@code io.lmcache.chunkfiles.diagnosis} finds out what a directory's place is good for.
 */
@org.jspecify.annotations.NullMarked
@SuppressWarnings("module") // The modules named below are built after this one.
module io.lmcache.chunkfiles {
    requires com.fasterxml.jackson.core;
    requires com.github.benmanes.caffeine;
    requires transitive io.lmcache.api;
    requires jdk.unsupported;
    requires static org.jspecify;
    requires org.slf4j;

    exports io.lmcache.chunkfiles to
            io.lmcache.backend.gds,
            io.lmcache.backend.posix;
    exports io.lmcache.chunkfiles.convert to
            io.lmcache.cli;
    exports io.lmcache.chunkfiles.diagnosis to
            io.lmcache.backend.gds,
            io.lmcache.backend.posix;
    exports io.lmcache.chunkfiles.directory to
            io.lmcache.backend.gds,
            io.lmcache.backend.posix,
            io.lmcache.cli;
    exports io.lmcache.chunkfiles.format to
            io.lmcache.backend.gds,
            io.lmcache.backend.posix,
            io.lmcache.cli;
    exports io.lmcache.chunkfiles.inspect to
            io.lmcache.cli;
    exports io.lmcache.chunkfiles.io to
            io.lmcache.backend.gds,
            io.lmcache.backend.posix;
}
