/**
 * The storage backend for GPU memory: the chunk directory, read and written past the CPU where the machine can.
 *
 * <p>{@code io.lmcache.backend.gds.cuda} and {@code io.lmcache.backend.gds.cufile} bind NVIDIA's libraries,
 * {@code io.lmcache.backend.gds.io} has the paths between files and GPU memory, {@code io.lmcache.backend.gds} the backend,
 * {@code io.lmcache.backend.gds.diagnosis} knows what they need of the machine.
 */
@org.jspecify.annotations.NullMarked
module io.lmcache.backend.gds {
    requires com.github.benmanes.caffeine;
    requires transitive io.lmcache.api;
    requires io.lmcache.backend.posix;
    requires transitive jcuda;
    requires static org.jspecify;
    requires org.slf4j;

    exports io.lmcache.backend.gds;

    provides io.lmcache.api.spi.StorageBackendProvider with
            io.lmcache.backend.gds.GdsBackendProvider;
}
