/** The tier on chunk files for host memory. */
@org.jspecify.annotations.NullMarked
module io.lmcache.backend.posix {
    requires com.github.benmanes.caffeine;
    requires io.lmcache.api;
    requires io.lmcache.chunkfiles;
    requires static org.jspecify;
    requires org.slf4j;

    provides io.lmcache.api.spi.StorageBackendProvider with
            io.lmcache.backend.posix.PosixBackendProvider;
}
