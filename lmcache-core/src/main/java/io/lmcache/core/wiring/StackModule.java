package io.lmcache.core.wiring;

import com.google.inject.AbstractModule;
import com.google.inject.Provides;
import com.google.inject.Singleton;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.core.config.ConfigOptions;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.core.hash.Blake3ChunkHasher;
import io.lmcache.core.hash.BuiltinChunkHasher;
import io.lmcache.core.hash.ChunkHasher;
import io.lmcache.core.hash.Chunker;
import io.lmcache.core.hash.Sha256CborChunkHasher;
import io.lmcache.core.hash.Sha256ChunkHasher;
import io.lmcache.core.storage.BackendRegistry;
import io.lmcache.core.storage.Closing;
import io.lmcache.core.storage.StackOptions;
import io.lmcache.core.storage.TieredStorageManager;
import java.time.Clock;
import java.util.List;

/** A stack from a configuration. Immutable and thread-safe. */
public final class StackModule extends AbstractModule {
    private final LmcacheConfig config;

    /** The module of that configuration. */
    public StackModule(LmcacheConfig config) {
        this.config = config;
    }

    /** Cuts prompts as configured. */
    @Provides
    @Singleton
    public Chunker chunker() {
        return new Chunker(
                hasher(), config.value(ConfigOptions.CHUNK_SIZE), config.value(ConfigOptions.SAVE_UNFULL_CHUNK));
    }

    private ChunkHasher hasher() {
        return switch (config.value(ConfigOptions.PRE_CACHING_HASH_ALGORITHM)) {
            case SHA256 -> new Sha256ChunkHasher();
            case SHA256_CBOR -> new Sha256CborChunkHasher(config.value(ConfigOptions.HASH_SEED));
            case BUILTIN -> new BuiltinChunkHasher(config.value(ConfigOptions.HASH_SEED));
            case BLAKE3 -> new Blake3ChunkHasher();
        };
    }

    /** The backends that the class path offers. */
    @Provides
    @Singleton
    public BackendRegistry registry() {
        return BackendRegistry.discover();
    }

    /** The surroundings of the backends. */
    @Provides
    @Singleton
    public BackendContext context() {
        return new BackendContext(config.value(ConfigOptions.LMCACHE_INSTANCE_ID), Clock.systemUTC());
    }

    /** How the stack behaves. */
    @Provides
    @Singleton
    public StackOptions options() {
        return new StackOptions(
                config.value(ConfigOptions.BLOCKING_TIMEOUT_SECS),
                config.value(ConfigOptions.STORE_TIMEOUT_SECS),
                config.value(ConfigOptions.MAX_BYTES_IN_FLIGHT).bytes(),
                config.value(ConfigOptions.PROMOTION),
                config.value(SharedOptions.MAX_ALLOC_ATTEMPTS),
                config.value(SharedOptions.ALLOCATION_ATTEMPT_DELAY_SECS),
                config.value(ConfigOptions.CIRCUIT_BREAKER_FAILURES),
                config.value(ConfigOptions.CIRCUIT_BREAKER_OPEN_SECS));
    }

    /** The stack with its started tiers; the only provider that holds resources, so nothing can be left open. */
    @Provides
    @Singleton
    public LmcacheStack stack(Chunker chunker, BackendRegistry registry, BackendContext context, StackOptions options) {
        List<StorageBackend> tiers = new TierStarter(config, registry, context).start();
        try {
            return new LmcacheStack(
                    chunker, new TieredStorageManager(tiers, options), config.value(ConfigOptions.MIN_RETRIEVE_TOKENS));
        } catch (RuntimeException e) {
            Closing.afterFailure(tiers.reversed(), e);
            throw e;
        }
    }
}
