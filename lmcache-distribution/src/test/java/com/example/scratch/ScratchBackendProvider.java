// snippet: provider
package com.example.scratch;

import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;

/** Makes the backend {@code scratch}. Its one setting is {@code capacity_bytes}. Stateless and thread-safe. */
public final class ScratchBackendProvider implements StorageBackendProvider {
    static final String NAME = "scratch";

    /** For {@link java.util.ServiceLoader}. */
    public ScratchBackendProvider() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public StorageBackend create(BackendSettings settings, BackendContext context) {
        return new ScratchBackend(settings.number("capacity_bytes", 64 << 20, 1 << 20, Long.MAX_VALUE / 2));
    }
}
// end
