package io.lmcache.core.engine;

import io.lmcache.api.KeyScope;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.core.backend.BackendRegistry;
import io.lmcache.core.config.ConfigLoader;
import io.lmcache.core.config.StackOptions;
import io.lmcache.core.hash.ChunkHasher;
import io.lmcache.core.hash.Chunker;
import io.lmcache.core.hash.Sha256ChunkHasher;
import io.lmcache.core.metrics.MetricNames;
import io.lmcache.core.metrics.StackMeters;
import io.lmcache.core.storage.Closing;
import io.lmcache.core.storage.HostMemory;
import io.lmcache.core.storage.TieredStorageManager;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A KV cache over a stack of tiers, for any number of models.
 *
 * <p>Opened from configuration by {@link io.lmcache.core.Lmcache#open}, or put together in code by {@link #builder()}.
 * Thread-safe. Owns its tiers and their memory until {@link #close()}.
 */
public final class LmcacheStack implements AutoCloseable {
    private final Chunker chunker;
    private final TieredStorageManager storage;
    private final int minRetrieveTokens;
    private final StackMeters meters;
    private final List<String> tiers;
    private final ConcurrentMap<String, ModelCounters> counters = new ConcurrentHashMap<>();

    private LmcacheStack(Chunker chunker, TieredStorageManager storage, int minRetrieveTokens, StackMeters meters) {
        this.chunker = chunker;
        this.storage = storage;
        this.minRetrieveTokens = minRetrieveTokens;
        this.meters = meters;
        this.tiers = storage.tierNames();
    }

    /** A stack to put together in code. */
    public static Builder builder() {
        return new Builder();
    }

    /** The cache of that model, rank, layout and tags. Cheap: call it as often as is convenient. */
    public KvCache cache(KeyScope scope) {
        return new KvCache(scope, chunker, storage, counters(scope.model()), minRetrieveTokens);
    }

    /**
     * The cache of rows that an engine names itself.
     *
     * @param scope whose they are, with a layout of {@link io.lmcache.api.KvLayout#opaque}
     */
    public RowCache rows(KeyScope scope) {
        return new RowCache(scope, storage);
    }

    private ModelCounters counters(String model) {
        return counters.computeIfAbsent(model, _ -> new ModelCounters(model, tiers, meters));
    }

    /** The names of the tiers, fastest first. */
    public List<String> tiers() {
        return tiers;
    }

    /** The names of the tiers whose chunks survive the process, fastest first. */
    public List<String> persistentTiers() {
        return storage.persistentTierNames();
    }

    /** The memory on the host that tiers keep chunks in; it stays theirs, until {@link #close()}. */
    public List<HostBuffer> hostMemory() {
        return storage.hostMemory();
    }

    /** Tokens in a chunk. */
    public int chunkSize() {
        return chunker.chunkSize();
    }

    /** Whether the last chunk of a prompt is cached, too, when it has fewer tokens. */
    public boolean savesUnfullChunks() {
        return chunker.saveUnfullChunk();
    }

    /**
     * Removes all chunks of all models from all tiers, but those pinned or being read. What other processes, and instances
     * on other machines, have stored in a directory that they share with this one goes, too.
     *
     * @throws io.lmcache.api.LmcacheException with {@link io.lmcache.api.ErrorCode#STORAGE} when a tier could not be
     *     cleared; the others are
     */
    public void clear() {
        storage.clear();
    }

    /**
     * As {@link #clear()}, but only the chunks of that model: of all its ranks, layouts and tags. Takes a look at every chunk
     * of a shared directory.
     *
     * @param model the name that the model's {@link #cache} has in its scope
     * @throws io.lmcache.api.LmcacheException with {@link io.lmcache.api.ErrorCode#STORAGE} when a tier could not be
     *     cleared; the others are
     */
    public void clear(String model) {
        storage.clear(model);
    }

    /** What was asked for and found of each model that has had a {@link #cache}, and what each tier holds. */
    public StackStats stats() {
        SortedMap<String, ModelStats> models = new TreeMap<>();
        counters.forEach((model, counted) -> models.put(model, counted.stats()));
        return new StackStats(models, storage.stats());
    }

    /**
     * Ends the cache: waits a bounded time for calls and writes under way, then gives all memory back. What was
     * published in a persistent tier stays. Idempotent.
     *
     * @throws io.lmcache.api.LmcacheException when a tier did not close cleanly; all are closed nevertheless
     */
    @Override
    public void close() {
        meters.close();
        storage.close();
    }

    @Override
    public String toString() {
        return "LmcacheStack[tiers=" + tiers() + ", chunkSize=" + chunkSize() + "]";
    }

    /** Puts a stack together, tier by tier. Not thread-safe. */
    public static final class Builder {
        private final List<Function<List<StorageBackend>, StorageBackend>> tiers = new ArrayList<>();
        private final List<StorageBackend> given = new ArrayList<>();
        private String instanceId = "lmcache_default_instance";
        private ChunkHasher hasher = new Sha256ChunkHasher();
        private int chunkSize = 256;
        private boolean saveUnfullChunk = true;
        private int minRetrieveTokens;
        private StackOptions options = StackOptions.DEFAULTS;
        private StackMeters meters = StackMeters.none();
        // Searched for when a tier needs them: who gives objects only needs no search.
        private @Nullable BackendRegistry backends;

        private Builder() {}

        /** The name of the instance in messages. */
        public Builder instanceId(String id) {
            this.instanceId = id;
            return this;
        }

        /** What names chunks; {@link Sha256ChunkHasher} unless set. */
        public Builder hasher(ChunkHasher hasher) {
            this.hasher = hasher;
            return this;
        }

        /** Tokens in a chunk; 256 unless set. */
        public Builder chunkSize(int tokens) {
            this.chunkSize = tokens;
            return this;
        }

        /** Whether the last, shorter chunk of a prompt is cached too; true unless set. */
        public Builder saveUnfullChunk(boolean save) {
            this.saveUnfullChunk = save;
            return this;
        }

        /** Hits of fewer tokens count as none; 0 unless set. */
        public Builder minRetrieveTokens(int tokens) {
            this.minRetrieveTokens = tokens;
            return this;
        }

        /** Deadlines, promotion and the like; {@link StackOptions#DEFAULTS} unless set. */
        public Builder options(StackOptions options) {
            this.options = options;
            return this;
        }

        /**
         * Shows what the stack does in this registry, which stays the caller's, until it is closed: docs/metrics.md has the
         * meters. For one stack; those of several in one registry would be the same.
         */
        public Builder meters(MeterRegistry registry) {
            return meters(registry, MetricNames.OWN);
        }

        /** As {@link #meters(MeterRegistry)}, under these names. */
        public Builder meters(MeterRegistry registry, MetricNames names) {
            this.meters = new StackMeters(registry, names);
            return this;
        }

        /**
         * Adds a tier below those added before: a backend of a provider that {@link java.util.ServiceLoader} finds.
         *
         * @param backend the provider's name
         * @param settings the backend's own settings by the names of its options, which are those of a configuration;
         *     texts, numbers, booleans, paths, lists of these, and maps
         */
        public Builder tier(String backend, Map<String, ?> settings) {
            return tier(backend, backend, settings);
        }

        /**
         * As {@link #tier(String, Map)}, for a tier with a name of its own: a stack may have several of one kind.
         *
         * @param name the tier's name in results, statistics and logs
         */
        public Builder tier(String name, String backend, Map<String, ?> settings) {
            tiers.add(above -> {
                BackendRegistry backends = backends();
                return backends.create(
                        name,
                        backend,
                        ConfigLoader.backendSettings(backend, settings, backends),
                        HostMemory.below(above, new BackendContext(instanceId, Clock.systemUTC())));
            });
            return this;
        }

        private BackendRegistry backends() {
            BackendRegistry known = backends;
            if (known == null) {
                known = BackendRegistry.discover();
                backends = known;
            }
            return known;
        }

        /**
         * Adds a tier below those added before. From {@link #build()} on the backend is the stack's, which closes it, also
         * when the stack cannot start.
         */
        public Builder tier(StorageBackend backend) {
            given.add(backend);
            tiers.add(_ -> backend);
            return this;
        }

        /**
         * Starts the tiers.
         *
         * @throws io.lmcache.api.LmcacheException when a tier cannot start or the stack makes no sense; nothing stays
         *     open then
         */
        public LmcacheStack build() {
            List<StorageBackend> started = new ArrayList<>();
            try {
                Chunker chunker = new Chunker(hasher, chunkSize, saveUnfullChunk);
                tiers.forEach(tier -> started.add(tier.apply(started)));
                TieredStorageManager storage = new TieredStorageManager(started, options, meters);
                return new LmcacheStack(chunker, storage, minRetrieveTokens, meters);
            } catch (RuntimeException e) {
                meters.close();
                given.stream().filter(backend -> !started.contains(backend)).forEach(started::add);
                Closing.afterFailure(started.reversed(), e);
                throw e;
            }
        }

        @Override
        public String toString() {
            return "LmcacheStack.Builder[" + tiers.size() + " tiers, chunkSize=" + chunkSize + "]";
        }
    }
}
