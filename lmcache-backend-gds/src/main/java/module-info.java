/**
 * The storage backend for GPU memory: the chunk directory, read and written past the CPU where the machine can.
 *
 * <p>{@code io.lmcache.backend.gds.cuda} and {@code io.lmcache.backend.gds.cufile} bind NVIDIA's libraries,
 * {@code io.lmcache.backend.gds.io} has the paths between files and GPU memory, {@code io.lmcache.backend.gds} the backend;
 * {@code io.lmcache.backend.gds.paged} brings an engine's paged KV cache to it, with the kernels of
 * {@code io.lmcache.backend.gds.kernel}; {@code io.lmcache.backend.gds.diagnosis} knows what all of them need of a machine.
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
    exports io.lmcache.backend.gds.cuda;
    exports io.lmcache.backend.gds.kernel;
    exports io.lmcache.backend.gds.paged;

    provides io.lmcache.api.spi.StorageBackendProvider with
            io.lmcache.backend.gds.GdsBackendProvider;
}
