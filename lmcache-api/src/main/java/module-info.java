/**
 * Value types, memory types, the storage backend SPI and the errors of LMCache for the JVM.
 *
 * <p>Backend authors implement {@link io.lmcache.api.spi}, engines implement {@link io.lmcache.api.engine}. Both meet
 * in the value types of {@link io.lmcache.api} and the memory types of {@link io.lmcache.api.memory}.
 */
@org.jspecify.annotations.NullMarked
@SuppressWarnings("module") // The modules named below are built after this one.
module io.lmcache.api {
    requires jdk.jfr;
    requires static transitive org.jspecify;

    exports io.lmcache.api;
    exports io.lmcache.api.crc to
            io.lmcache.chunkfiles,
            io.lmcache.cuda;
    exports io.lmcache.api.engine;
    exports io.lmcache.api.memory;
    exports io.lmcache.api.option;
    exports io.lmcache.api.posix to
            io.lmcache.backend.gds,
            io.lmcache.backend.posix,
            io.lmcache.chunkfiles,
            io.lmcache.cuda,
            io.lmcache.server;
    exports io.lmcache.api.spi;
}
