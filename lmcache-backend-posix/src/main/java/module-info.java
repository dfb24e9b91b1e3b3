/**
 * The persistent tier on files: the chunk file format, the chunk directory, and POSIX I/O on host memory.
 *
 * <p>{@code io.lmcache.backend.posix.directory} knows where chunk files lie and what becomes of them, and moves no
 * payload; {@code io.lmcache.backend.posix.format} knows what they look like; {@code io.lmcache.backend.posix} moves payload between such files and host memory;
 * {@code io.lmcache.backend.posix.diagnosis} finds out what a directory's place is good for.
 */
@org.jspecify.annotations.NullMarked
@SuppressWarnings("module") // io.lmcache.backend.gds is built after this module.
module io.lmcache.backend.posix {
    requires com.fasterxml.jackson.core;
    requires com.github.benmanes.caffeine;
    requires transitive io.lmcache.api;
    requires jdk.unsupported;
    requires static org.jspecify;
    requires org.slf4j;

    exports io.lmcache.backend.posix;
    exports io.lmcache.backend.posix.convert to
            io.lmcache.distribution;
    exports io.lmcache.backend.posix.diagnosis to
            io.lmcache.backend.gds;
    exports io.lmcache.backend.posix.directory to
            io.lmcache.backend.gds;
    exports io.lmcache.backend.posix.format to
            io.lmcache.backend.gds,
            io.lmcache.distribution;
    exports io.lmcache.backend.posix.io to
            io.lmcache.backend.gds;

    provides io.lmcache.api.spi.StorageBackendProvider with
            io.lmcache.backend.posix.PosixBackendProvider;
}
