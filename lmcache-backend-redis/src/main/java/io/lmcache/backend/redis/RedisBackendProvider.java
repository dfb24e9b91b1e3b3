package io.lmcache.backend.redis;

import io.lmcache.api.option.Option;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The provider of the backend {@code redis}: chunks in a server or cluster that speaks the protocol of Redis, shared by all who
 * may use it. A server that is absent when the backend starts is one that fails for the time being. Stateless and thread-safe.
 */
public final class RedisBackendProvider implements StorageBackendProvider {
    static final String NAME = "redis";

    private static final Logger LOG = LoggerFactory.getLogger(RedisBackendProvider.class);

    /** For {@link java.util.ServiceLoader}. */
    public RedisBackendProvider() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public List<String> schemes() {
        return RedisAddress.SCHEMES;
    }

    @Override
    public List<Option<?>> options() {
        return RedisSettings.OPTIONS;
    }

    @Override
    public StorageBackend create(BackendSettings settings, BackendContext context) {
        RedisSettings read = RedisSettings.from(settings, System.getenv());
        read.credentials().check();
        StorageBackend backend = new RedisBackend(read);
        LOG.info("{}: tier at {}, {}", context.instanceId(), read.address(), read.credentials());
        return backend;
    }

    @Override
    public List<Finding> diagnose(BackendSettings settings, BackendContext context) {
        return new RedisDiagnosis(RedisSettings.from(settings, System.getenv())).findings();
    }
}
