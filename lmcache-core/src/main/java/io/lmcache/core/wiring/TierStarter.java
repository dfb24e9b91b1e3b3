package io.lmcache.core.wiring;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.core.config.ByteSize;
import io.lmcache.core.config.ConfigOption;
import io.lmcache.core.config.ConfigOptions;
import io.lmcache.core.config.CuFileUse;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.config.PathSharding;
import io.lmcache.core.storage.BackendRegistry;
import io.lmcache.core.storage.Closing;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Decides from the configuration which tiers there are, and starts them: all or none. */
final class TierStarter {
    private static final Logger LOG = LoggerFactory.getLogger(TierStarter.class);

    /** Host memory for chunks on their way to and from files, where no tier in host memory lends its own. */
    private static final long MAX_HOST_STAGING_BYTES = 1L << 30;

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
                started.add(create("cpu", cpuSettings()));
            }
            if (!config.value(ConfigOptions.GDS_PATH).isEmpty()) {
                started.add(fileTier());
            }
            for (String plugin : config.value(ConfigOptions.STORAGE_PLUGINS)) {
                started.add(create(plugin, config.pluginSettings(plugin)));
            }
            return started;
        } catch (RuntimeException e) {
            Closing.afterFailure(started.reversed(), e);
            throw e;
        }
    }

    /** Through the GPU where there is one, else through the host; on the same path, with the same files. */
    private StorageBackend fileTier() {
        try {
            return create("gds", gdsSettings());
        } catch (LmcacheException e) {
            if (e.code() != ErrorCode.START_FAILED || config.value(ConfigOptions.USE_CUFILE) == CuFileUse.REQUIRED) {
                throw e;
            }
            LOG.info("gds_path is served by tier 'posix': {}", e.getMessage());
            return create("posix", posixSettings());
        }
    }

    private Map<String, String> cpuSettings() {
        return Map.of(
                "capacity_bytes", bytes(ConfigOptions.MAX_LOCAL_CPU_SIZE),
                "cache_policy", config.text(ConfigOptions.CACHE_POLICY));
    }

    private Map<String, String> gdsSettings() {
        Map<String, String> settings = fileSettings();
        settings.put("use_cufile", config.text(ConfigOptions.USE_CUFILE));
        settings.put("buffer_bytes", bytes(ConfigOptions.CUFILE_BUFFER_SIZE));
        settings.put("max_alloc_attempts", config.text(ConfigOptions.MAX_ALLOC_ATTEMPTS));
        settings.put("allocation_attempt_delay_secs", config.text(ConfigOptions.ALLOCATION_ATTEMPT_DELAY_SECS));
        settings.put("sharding", sharding("by_gpu"));
        return settings;
    }

    private Map<String, String> posixSettings() {
        Map<String, String> settings = fileSettings();
        long staging = Math.min(config.value(ConfigOptions.CUFILE_BUFFER_SIZE).bytes(), MAX_HOST_STAGING_BYTES);
        settings.put("staging_bytes", Long.toString(staging));
        settings.put("sharding", sharding("by_hash"));
        return settings;
    }

    private Map<String, String> fileSettings() {
        Map<String, String> settings = new HashMap<>();
        settings.put("path", config.text(ConfigOptions.GDS_PATH));
        settings.put("io_threads", config.text(ConfigOptions.DISK_IO_THREADS));
        settings.put("use_direct_io", config.text(ConfigOptions.USE_DIRECT_IO));
        settings.put("fsync", config.text(ConfigOptions.FSYNC));
        settings.put("max_bytes", bytes(ConfigOptions.MAX_GDS_SIZE));
        settings.put("min_free_bytes", bytes(ConfigOptions.GDS_MIN_FREE_SPACE));
        settings.put(
                "ttl_seconds",
                Long.toString(config.value(ConfigOptions.GDS_TTL_SECS).toSeconds()));
        return settings;
    }

    private String sharding(String automatic) {
        return config.value(ConfigOptions.GDS_PATH_SHARDING) == PathSharding.AUTO
                ? automatic
                : config.text(ConfigOptions.GDS_PATH_SHARDING);
    }

    private String bytes(ConfigOption<ByteSize> option) {
        return Long.toString(config.value(option).bytes());
    }

    private StorageBackend create(String name, Map<String, String> settings) {
        return registry.create(name, BackendSettings.of(name, settings), context);
    }
}
