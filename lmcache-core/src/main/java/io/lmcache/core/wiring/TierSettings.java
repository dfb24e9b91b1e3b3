package io.lmcache.core.wiring;

import io.lmcache.core.config.ByteSize;
import io.lmcache.core.config.ConfigOption;
import io.lmcache.core.config.ConfigOptions;
import io.lmcache.core.config.HashAlgorithm;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.config.PathSharding;
import java.util.HashMap;
import java.util.Map;

/** What the configuration means to the built-in backends, in the words of their own settings. Immutable and thread-safe. */
final class TierSettings {
    /** Host memory for chunks on their way to and from files, where no tier in host memory lends its own. */
    private static final long MAX_HOST_STAGING_BYTES = 1L << 30;

    private final LmcacheConfig config;

    TierSettings(LmcacheConfig config) {
        this.config = config;
    }

    /** Of the tier in host memory. */
    Map<String, String> cpu() {
        return Map.of(
                "capacity_bytes", bytes(ConfigOptions.MAX_LOCAL_CPU_SIZE),
                "cache_policy", config.text(ConfigOptions.CACHE_POLICY));
    }

    /** Of the file tier with a GPU. */
    Map<String, String> gds() {
        Map<String, String> settings = fileSettings();
        settings.put("use_cufile", config.text(ConfigOptions.USE_CUFILE));
        if (!config.value(ConfigOptions.CUFILE_LIBRARY).equals("auto")) {
            settings.put("cufile_library", config.value(ConfigOptions.CUFILE_LIBRARY));
        }
        settings.put("device", config.text(ConfigOptions.CUDA_DEVICE));
        settings.put("buffer_bytes", bytes(ConfigOptions.CUFILE_BUFFER_SIZE));
        settings.put("max_alloc_attempts", config.text(ConfigOptions.MAX_ALLOC_ATTEMPTS));
        settings.put("allocation_attempt_delay_secs", config.text(ConfigOptions.ALLOCATION_ATTEMPT_DELAY_SECS));
        settings.put("sharding", sharding("by_gpu"));
        return settings;
    }

    /** Of the file tier without a GPU. */
    Map<String, String> posix() {
        Map<String, String> settings = fileSettings();
        settings.put("sharding", sharding("by_hash"));
        return settings;
    }

    /** Without a path where none is configured; a backend that needs one says so. */
    private Map<String, String> fileSettings() {
        Map<String, String> settings = new HashMap<>();
        if (!config.value(ConfigOptions.GDS_PATH).isEmpty()) {
            settings.put("path", config.text(ConfigOptions.GDS_PATH));
        }
        long staging = Math.min(config.value(ConfigOptions.CUFILE_BUFFER_SIZE).bytes(), MAX_HOST_STAGING_BYTES);
        settings.put("staging_bytes", Long.toString(staging));
        settings.put("io_threads", config.text(ConfigOptions.DISK_IO_THREADS));
        settings.put("use_direct_io", config.text(ConfigOptions.USE_DIRECT_IO));
        settings.put("file_format", config.text(ConfigOptions.FILE_FORMAT));
        settings.put("file_checksum", config.text(ConfigOptions.FILE_CHECKSUM));
        settings.put(
                "signed_hashes",
                Boolean.toString(config.value(ConfigOptions.PRE_CACHING_HASH_ALGORITHM) == HashAlgorithm.BUILTIN));
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
}
