package io.lmcache.core;

import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheEngine;
import io.lmcache.core.wiring.EngineModule;
import io.lmcache.core.wiring.Wiring;

/** Opens caches from configuration. Stateless and thread-safe. */
public final class Lmcache {
    private Lmcache() {}

    /**
     * A cache as the file named by {@code LMCACHE_CONFIG_FILE} and the environment say.
     *
     * @throws io.lmcache.api.LmcacheException when the configuration is wrong or a tier cannot start; nothing stays open
     */
    public static LmcacheEngine open() {
        return open(LmcacheConfig.load());
    }

    /**
     * A cache as this configuration says. The caller closes it.
     *
     * @throws io.lmcache.api.LmcacheException when a tier cannot start; nothing stays open
     */
    public static LmcacheEngine open(LmcacheConfig config) {
        return Wiring.create(new EngineModule(config), LmcacheEngine.class);
    }
}
