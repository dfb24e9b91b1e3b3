package io.lmcache.core.wiring;

import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.core.backend.BackendRegistry;
import io.lmcache.core.config.ConfigOptions;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.config.StackOptions;
import io.lmcache.core.diagnosis.StackDiagnosis;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.core.hash.Blake3ChunkHasher;
import io.lmcache.core.hash.BuiltinChunkHasher;
import io.lmcache.core.hash.ChunkHasher;
import io.lmcache.core.hash.Sha256CborChunkHasher;
import io.lmcache.core.hash.Sha256ChunkHasher;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.time.Duration;

/** Makes the stack that a configuration describes. Immutable and thread-safe. */
public final class ConfiguredStack {
    /** For each backend: enough for slow disks, and for the contexts of many GPUs. */
    private static final Duration DIAGNOSIS_LIMIT = Duration.ofMinutes(3);

    private final LmcacheConfig config;
    private final BackendRegistry registry;
    private final BackendContext context;

    /** The stack of that configuration, of the backends that it was made for. */
    public ConfiguredStack(LmcacheConfig config) {
        this.config = config;
        this.registry = config.options().registry();
        this.context = new BackendContext(config.value(ConfigOptions.LMCACHE_INSTANCE_ID), Clock.systemUTC());
    }

    /**
     * Starts it. The caller closes it.
     *
     * @param meters where it shows what it does; the caller's
     * @throws io.lmcache.api.LmcacheException when a tier cannot start; nothing stays open
     */
    public LmcacheStack open(MeterRegistry meters) {
        LmcacheStack.Builder stack = LmcacheStack.builder()
                .hasher(hasher(config))
                .chunkSize(config.value(ConfigOptions.CHUNK_SIZE))
                .saveUnfullChunk(config.value(ConfigOptions.SAVE_UNFULL_CHUNK))
                .minRetrieveTokens(config.value(ConfigOptions.MIN_RETRIEVE_TOKENS))
                .options(options())
                .meters(meters, config.value(ConfigOptions.METRICS_NAMES));
        new TierStarter(config, registry, context).start().forEach(stack::tier);
        return stack.build();
    }

    /**
     * Finds out whether it will work.
     *
     * @throws io.lmcache.api.LmcacheException when a backend is unknown or cannot read its settings
     */
    public StackDiagnosis diagnose() {
        return new TierDoctor(config, registry, context, DIAGNOSIS_LIMIT).diagnose();
    }

    static ChunkHasher hasher(LmcacheConfig config) {
        return switch (config.value(ConfigOptions.PRE_CACHING_HASH_ALGORITHM)) {
            case SHA256 -> new Sha256ChunkHasher();
            case SHA256_CBOR -> new Sha256CborChunkHasher(config.value(ConfigOptions.HASH_SEED));
            case BUILTIN -> new BuiltinChunkHasher(config.value(ConfigOptions.HASH_SEED));
            case BLAKE3 -> new Blake3ChunkHasher();
        };
    }

    private StackOptions options() {
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
}
