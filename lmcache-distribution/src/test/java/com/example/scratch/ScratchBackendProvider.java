// snippet: provider
package com.example.scratch;

import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import java.util.List;

/** Makes the backend {@code scratch}. Stateless and thread-safe. */
public final class ScratchBackendProvider implements StorageBackendProvider {
    static final String NAME = "scratch";

    private static final Option<ByteSize> CAPACITY = Option.of(
            "capacity_bytes",
            "64 MiB",
            OptionType.bytes(1 << 20),
            "The host memory for chunks. The one stored first goes when it is full.");

    /** For {@link java.util.ServiceLoader}. */
    public ScratchBackendProvider() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public List<Option<?>> options() {
        return List.of(CAPACITY);
    }

    @Override
    public StorageBackend create(BackendSettings settings, BackendContext context) {
        return new ScratchBackend(settings.value(CAPACITY).bytes());
    }
}
// end
