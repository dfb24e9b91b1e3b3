package io.lmcache.core;

import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.diagnosis.StackDiagnosis;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.core.wiring.ConfiguredStack;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;

/** Opens and diagnoses caches from configuration. Stateless and thread-safe. */
public final class Lmcache {
    private Lmcache() {}

    /**
     * A cache as the file named by {@code LMCACHE_CONFIG_FILE} and the environment say.
     *
     * @throws io.lmcache.api.LmcacheException when the configuration is wrong or a tier cannot start; nothing stays open
     */
    public static LmcacheStack open() {
        return open(LmcacheConfig.load());
    }

    /**
     * A cache as this configuration says. The caller closes it.
     *
     * @throws io.lmcache.api.LmcacheException when a tier cannot start; nothing stays open
     */
    public static LmcacheStack open(LmcacheConfig config) {
        return new ConfiguredStack(config).open(new CompositeMeterRegistry());
    }

    /**
     * As {@link #open(LmcacheConfig)}, and shows what the cache does in this registry, which stays the caller's: see
     * {@link LmcacheStack.Builder#meters(MeterRegistry)}.
     *
     * @throws io.lmcache.api.LmcacheException when a tier cannot start; nothing stays open
     */
    public static LmcacheStack open(LmcacheConfig config, MeterRegistry meters) {
        return new ConfiguredStack(config).open(meters);
    }

    /**
     * Whether a cache of this configuration will work here, on what path and how fast, with the remedy for whatever is
     * missing. Tries the storage out with files that are removed again; opens no cache.
     *
     * @throws io.lmcache.api.LmcacheException when a backend is unknown or cannot read its settings
     */
    public static StackDiagnosis diagnose(LmcacheConfig config) {
        return new ConfiguredStack(config).diagnose();
    }
}
