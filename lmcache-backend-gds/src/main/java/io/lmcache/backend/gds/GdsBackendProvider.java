package io.lmcache.backend.gds;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Counters;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import io.lmcache.backend.gds.diagnosis.Machine;
import io.lmcache.chunkfiles.ChunkFileBackend;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.format.FileFormat;
import java.time.Duration;
import java.util.List;

/**
 * The provider of the backend {@code gds}: chunks in files, read to and written from GPU memory. It reads and writes host
 * memory too, and shares its directory with the backend {@code posix}: same files, same format.
 *
 * <p>Stateless and thread-safe.
 */
public final class GdsBackendProvider implements StorageBackendProvider {
    static final String NAME = "gds";
    // The first use of a driver takes seconds for each GPU of the machine.
    private static final Duration OPEN_TIMEOUT = Duration.ofSeconds(60);

    /** For {@link java.util.ServiceLoader}. */
    public GdsBackendProvider() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public List<Option<?>> options() {
        return GdsSettings.OPTIONS;
    }

    @Override
    public StorageBackend create(BackendSettings settings, BackendContext context) {
        return open(GdsSettings.from(settings), FileFormat.chosenIn(settings), context);
    }

    /**
     * A new backend over files of that format.
     *
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when the device, libcufile where it is required, or the
     *     directory cannot be used
     */
    static StorageBackend open(GdsSettings settings, ChunkFileFormat format, BackendContext context) {
        return ChunkFileBackend.open(NAME, OPEN_TIMEOUT, () -> openNow(settings, format, context));
    }

    private static StorageBackend openNow(GdsSettings settings, ChunkFileFormat format, BackendContext context) {
        DeviceMemoryPool memory = DeviceMemoryPool.open(settings, context.hostMemory());
        try {
            return open(settings, format, context, memory);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private static StorageBackend open(
            GdsSettings settings, ChunkFileFormat format, BackendContext context, DeviceMemoryPool memory) {
        Counters counters = ChunkDirectory.newCounters();
        ChunkDirectory directory = ChunkDirectory.open(
                settings.files().directory().forDevice(memory.deviceNumber()), format, counters, context.clock());
        try {
            return new ChunkFileBackend(
                    NAME,
                    settings.files(),
                    counters,
                    directory,
                    new DeviceTransport(settings, memory, directory),
                    new ChunkFileBackend.Threads(settings.files().ioThreads(), settings.writeThreads()));
        } catch (RuntimeException e) {
            directory.close();
            throw e;
        }
    }

    /** Without a path: what the driver, the devices and libcufile have to say. */
    @Override
    public List<Finding> diagnose(BackendSettings settings, BackendContext context) {
        GdsSettings own = GdsSettings.from(settings, settings.value(SharedOptions.GDS_PATH));
        return new GdsDiagnosis(own, context, Machine.ofThisProcess()).findings();
    }
}
