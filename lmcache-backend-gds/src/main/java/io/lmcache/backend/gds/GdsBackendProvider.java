package io.lmcache.backend.gds;

import io.lmcache.api.option.Option;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import io.lmcache.backend.gds.diagnosis.Machine;
import io.lmcache.chunkfiles.format.FileFormat;
import java.util.List;

/**
 * The provider of the backend {@code gds}: chunks in files, read to and written from GPU memory. It reads and writes host
 * memory too, and shares its directory with the backend {@code posix}: same files, same format.
 *
 * <p>Stateless and thread-safe.
 */
public final class GdsBackendProvider implements StorageBackendProvider {
    static final String NAME = "gds";

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
        return GdsBackend.open(GdsSettings.from(settings), FileFormat.chosenIn(settings), context);
    }

    /** Without a path: what the driver, the devices and libcufile have to say. */
    @Override
    public List<Finding> diagnose(BackendSettings settings, BackendContext context) {
        GdsSettings own = GdsSettings.from(settings, settings.value(SharedOptions.GDS_PATH));
        return new GdsDiagnosis(own, context, Machine.ofThisProcess()).findings();
    }
}
