package io.lmcache.core.wiring;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.option.SharedOptions.CufileUse;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.core.backend.BackendRegistry;
import io.lmcache.core.config.ConfigOptions;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.storage.Closing;
import io.lmcache.core.storage.HostMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Decides from the configuration which tiers there are, and starts them: all or none. */
final class TierStarter {
    private static final Logger LOG = LoggerFactory.getLogger(TierStarter.class);

    private static final String NO_GDS = "there is no backend 'gds' on the class path; add lmcache-backend-gds to move"
            + " chunks between GPU memory and files";

    private final LmcacheConfig config;
    private final BackendRegistry registry;
    private final BackendContext context;

    TierStarter(LmcacheConfig config, BackendRegistry registry, BackendContext context) {
        this.config = config;
        this.registry = registry;
        this.context = context;
    }

    /** The started tiers, fastest first. */
    List<StorageBackend> start() {
        List<StorageBackend> started = new ArrayList<>();
        try {
            if (config.value(ConfigOptions.LOCAL_CPU)) {
                started.add(create("cpu", ofTier("cpu"), started));
            }
            config.diskTier()
                    .ifPresent(disk ->
                            started.add(create(disk, config.pluginKind(disk), config.pluginSettings(disk), started)));
            if (!config.value(SharedOptions.GDS_PATH).isEmpty()) {
                started.add(fileTier(started));
            }
            config.remoteBackend()
                    .ifPresent(remote -> started.add(create(remote, config.remoteSettings(remote), started)));
            for (String plugin : config.value(ConfigOptions.STORAGE_PLUGINS)) {
                started.add(create(plugin, config.pluginKind(plugin), config.pluginSettings(plugin), started));
            }
            return started;
        } catch (RuntimeException e) {
            Closing.afterFailure(started.reversed(), e);
            throw e;
        }
    }

    /** Through the GPU where there is one, else through the host; on the same path, with the same files. */
    private StorageBackend fileTier(List<StorageBackend> above) {
        try {
            return create("gds", ofTier("gds"), above);
        } catch (LmcacheException e) {
            if (!canDoWithoutGpu(e.code())) {
                throw e;
            }
            LOG.info("gds_path is served by tier 'posix': {}", registry.has("gds") ? e.getMessage() : NO_GDS);
            return create("posix", ofTier("posix"), above);
        }
    }

    private boolean canDoWithoutGpu(ErrorCode failure) {
        boolean isMissing = failure == ErrorCode.START_FAILED || !registry.has("gds");
        return isMissing && config.value(SharedOptions.USE_CUFILE) != CufileUse.TRUE;
    }

    private Map<String, String> ofTier(String name) {
        return config.tierSettings(registry.options(name).orElse(List.of()));
    }

    private StorageBackend create(String name, Map<String, String> own, List<StorageBackend> above) {
        return create(name, name, own, above);
    }

    private StorageBackend create(String tier, String kind, Map<String, String> own, List<StorageBackend> above) {
        return registry.create(tier, kind, BackendSettings.of(tier, own), HostMemory.below(above, context));
    }
}
