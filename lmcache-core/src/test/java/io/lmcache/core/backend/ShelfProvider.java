package io.lmcache.core.backend;

import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import io.lmcache.core.storage.MemoryTier;
import java.util.List;

/** A backend for {@code shelf://} URLs, found as real ones are; keeps chunks in memory, and nothing at the URL. */
public final class ShelfProvider implements StorageBackendProvider {
    private static final Option<Integer> BOARDS =
            Option.of("boards", "3", OptionType.wholeNumber(1, 9), "The number of boards in the shelf.");

    /** For {@link java.util.ServiceLoader}. */
    public ShelfProvider() {}

    @Override
    public String name() {
        return "shelf";
    }

    @Override
    public List<String> schemes() {
        return List.of("shelf");
    }

    @Override
    public List<Option<?>> options() {
        return List.of(SharedOptions.REMOTE_URL, SharedOptions.REMOTE_SERDE, BOARDS);
    }

    @Override
    public StorageBackend create(BackendSettings settings, BackendContext context) {
        return MemoryTier.persistent(1 << 20, 1 << 20);
    }

    @Override
    public List<Finding> diagnose(BackendSettings settings, BackendContext context) {
        return List.of(Finding.ok("shelf", settings.toString()));
    }
}
