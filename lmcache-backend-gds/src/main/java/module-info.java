/**
 * The tier on chunk files for GPU memory, read and written past the CPU where the machine can.
 *
 * <p>{@code io.lmcache.backend.gds.cufile} binds NVIDIA's library, {@code io.lmcache.backend.gds.io} has the paths
 * between files and GPU memory, {@code io.lmcache.backend.gds} the backend; {@code io.lmcache.backend.gds.diagnosis} knows
 * what all of them need of a machine.
 */
@org.jspecify.annotations.NullMarked
module io.lmcache.backend.gds {
    requires com.github.benmanes.caffeine;
    requires io.lmcache.api;
    requires io.lmcache.chunkfiles;
    requires io.lmcache.cuda;
    requires static org.jspecify;
    requires org.slf4j;

    provides io.lmcache.api.spi.StorageBackendProvider with
            io.lmcache.backend.gds.GdsBackendProvider;
}
