/** The tier in host memory, off heap. */
@org.jspecify.annotations.NullMarked
module io.lmcache.backend.cpu {
    requires com.github.benmanes.caffeine;
    requires io.lmcache.api;
    requires jdk.management;
    requires static org.jspecify;
    requires org.slf4j;

    provides io.lmcache.api.spi.StorageBackendProvider with
            io.lmcache.backend.cpu.CpuBackendProvider;
}
