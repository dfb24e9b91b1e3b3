package io.lmcache.core.storage;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.PinnedPrefix;
import io.lmcache.api.engine.RetrieveResult;
import io.lmcache.api.engine.StoreResult;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.api.spi.BackendCapability;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.api.spi.ChunkPin;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.core.config.PromotionPolicy;
import io.lmcache.core.config.StackOptions;
import io.lmcache.core.hash.PromptChunks;
import io.lmcache.core.metrics.StackMeters;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.ObjIntConsumer;
import java.util.function.Predicate;

/**
 * A stack of tiers that is used as one: finds prefixes over all of them, reads from the fastest that has a chunk, writes
 * to each.
 *
 * <p>Thread-safe. Owns the backends. Trouble with a tier is a miss there, never an exception; every wait is bounded by
 * the {@link StackOptions}.
 */
public final class TieredStorageManager implements AutoCloseable {
    private static final Duration CLOSE_PATIENCE = Duration.ofSeconds(10);
    private static final long BYTES_KEPT = 256L << 20;
    private static final long MOST_KEPT = 64;

    private static final Duration LONGER_THAN_ANY_WAIT = Duration.ofDays(1);

    private final Tiers tiers;
    private final StackOptions options;
    private final Activity activity = new Activity();
    private final ChunkWriter writer;

    /**
     * A stack of these backends, fastest first. From here on they belong to the stack.
     *
     * @param meters where it shows what its tiers do; they stay the caller's
     * @throws LmcacheException with {@link ErrorCode#INVALID_CONFIGURATION} when there is none, or two of one name; the
     *     backends stay the caller's then
     */
    public TieredStorageManager(List<StorageBackend> backends, StackOptions options, StackMeters meters) {
        this.tiers = new Tiers(backends, options, meters);
        this.options = options;
        this.writer = new ChunkWriter(tiers, options, activity);
    }

    /** The names of the tiers, fastest first. */
    public List<String> tierNames() {
        return tiers.all().stream().map(StorageBackend::name).toList();
    }

    /** The names of the tiers whose chunks survive the process, fastest first. */
    public List<String> persistentTierNames() {
        return tiers.all().stream()
                .filter(tier -> tier.capabilities().contains(BackendCapability.PERSISTENT))
                .map(StorageBackend::name)
                .toList();
    }

    /**
     * How many tokens, counted from the first, are in the tiers without a gap.
     *
     * @param minTokens a shorter prefix counts as none
     * @param foundIn is told of each run of tokens the tier that has it
     */
    public int lookup(PromptChunks chunks, int minTokens, Patience patience, ObjIntConsumer<String> foundIn) {
        try (Activity.Call _ = activity.enter()) {
            List<TierRun> located = tiers.locate(chunks.keys(), patience);
            int tokens = chunks.tokensIn(Tiers.found(located));
            if (tokens < minTokens) {
                return 0;
            }
            tell(chunks, located, Tiers.found(located), foundIn);
            return tokens;
        }
    }

    private void tell(PromptChunks chunks, List<TierRun> located, int count, ObjIntConsumer<String> foundIn) {
        for (TierRun run : located) {
            if (run.start() < count) {
                int tokens = chunks.tokensIn(Math.min(run.end(), count)) - chunks.tokensIn(run.start());
                foundIn.accept(tiers.at(run.tier()).name(), tokens);
            }
        }
    }

    /** Which chunks are in some tier, each for itself, whatever is missing before it. A hint. */
    public BitSet find(List<ChunkKey> keys) {
        try (Activity.Call _ = activity.enter()) {
            return tiers.holding(keys);
        }
    }

    /** Which chunks need no store, since the last tier has them, each for itself. A hint. */
    public BitSet stored(List<ChunkKey> keys) {
        try (Activity.Call _ = activity.enter()) {
            return tiers.holdingLast(keys);
        }
    }

    /**
     * Delivers the longest prefix that can be had to the sink, in order. Ends at the first chunk that is missing, or not
     * there in time.
     *
     * @param firstToken tokens before this one are not wanted: chunks that end at or before it are not delivered
     * @param minTokens a shorter prefix is not worth it: nothing is delivered
     */
    public RetrieveResult retrieve(
            PromptChunks chunks, KvLayout layout, int firstToken, int minTokens, KvSink sink, Patience patience) {
        try (Activity.Call _ = activity.enter()) {
            List<TierRun> located = tiers.locate(chunks.keys(), patience);
            if (chunks.tokensIn(Tiers.found(located)) < minTokens) {
                return new RetrieveResult(0, new TreeMap<>());
            }
            int firstChunk = Math.min(firstToken / chunks.chunkSize(), Tiers.found(located));
            SortedMap<String, Integer> tokensByTier = new TreeMap<>();
            int delivered = firstChunk;
            BufferAllocator memory = memoryFor(located, sink);
            try (ChunkStream stream =
                            stream(chunks, layout, from(firstChunk, located), memory, sink::accepts, patience);
                    Deliveries deliveries =
                            new Deliveries(sink, keptFor(layout.chunkBytes(chunks.chunkSize()), memory))) {
                for (Optional<ChunkStream.Arrival> arrival = stream.next();
                        arrival.isPresent();
                        arrival = stream.next()) {
                    deliver(chunks, arrival.get(), deliveries);
                    String tier = tiers.at(arrival.get().tier()).name();
                    int tokens = chunks.range(arrival.get().index()).length();
                    tokensByTier.merge(tier, tokens, Integer::sum);
                    delivered++;
                }
            }
            return new RetrieveResult(chunks.tokensIn(delivered), tokensByTier);
        }
    }

    private void deliver(PromptChunks chunks, ChunkStream.Arrival arrival, Deliveries deliveries) {
        deliveries.begin(chunks.range(arrival.index()), arrival.chunk());
        if (options.promotion() == PromotionPolicy.ALWAYS) {
            promote(chunks, arrival);
        }
        deliveries.settle();
    }

    /**
     * How many delivered chunks may be kept while the next ones arrive: a sink takes several at a time. Few where memory is
     * short, since what arrives needs it.
     */
    private static int keptFor(long chunkBytes, BufferAllocator memory) {
        return Math.toIntExact(
                Math.min(Math.clamp(BYTES_KEPT / chunkBytes, 1, MOST_KEPT), memory.limitBytes() / 8 / chunkBytes));
    }

    /** Where chunks of slow tiers are read to: the first tier's memory when they will stay there, else their own. */
    private BufferAllocator memoryFor(List<TierRun> located, KvSink sink) {
        int fastest = options.promotion() == PromotionPolicy.ALWAYS || located.isEmpty()
                ? 0
                : located.getLast().tier();
        return Tiers.memoryOf(tiers.all().subList(fastest, tiers.count()), sink::accepts);
    }

    private void promote(PromptChunks chunks, ChunkStream.Arrival arrival) {
        for (int tier = 0; tier < arrival.tier(); tier++) {
            activity.writeBegins();
            var _ = tiers.at(tier)
                    .put(
                            chunks.keys().get(arrival.index()),
                            arrival.chunk().meta(),
                            arrival.chunk().lease())
                    .whenComplete((_, _) -> activity.writeEnded());
        }
    }

    private ChunkStream stream(
            PromptChunks chunks,
            KvLayout layout,
            List<TierRun> runs,
            BufferAllocator memory,
            Predicate<MemoryDomain> accepted,
            Patience patience) {
        return new ChunkStream(tiers, chunks, layout, runs, memory, accepted, options, activity, patience);
    }

    private static List<TierRun> from(int firstChunk, List<TierRun> located) {
        List<TierRun> runs = new ArrayList<>();
        for (TierRun run : located) {
            if (run.end() > firstChunk) {
                runs.add(new TierRun(run.tier(), Math.max(firstChunk, run.start()), run.end()));
            }
        }
        return runs;
    }

    /**
     * Stores the chunks that are not there yet. Returns when the engine's memory may be reused; the tiers may still be
     * writing. Waits as the options say.
     */
    public StoreResult store(PromptChunks chunks, KvLayout layout, KvSource source) {
        return store(chunks, layout, source, LONGER_THAN_ANY_WAIT);
    }

    /**
     * As {@link #store(PromptChunks, KvLayout, KvSource)}, for a source that others wait for.
     *
     * @param patience the longest wait, in all, for memory and for tiers that have too much to write
     */
    public StoreResult store(PromptChunks chunks, KvLayout layout, KvSource source, Duration patience) {
        try (Activity.Call _ = activity.enter()) {
            return writer.store(chunks, layout, source, patience);
        }
    }

    /** The chunks, by index, that a store would read from its source now. A hint: others may store or evict. */
    public List<Integer> missing(PromptChunks chunks) {
        try (Activity.Call _ = activity.enter()) {
            return writer.missing(chunks);
        }
    }

    /** The memory on the host that tiers keep chunks in. */
    public List<HostBuffer> hostMemory() {
        return HostMemory.of(tiers.all());
    }

    /**
     * Moves what slower tiers hold of the prefix to the first tier, in the background.
     *
     * @return completes, never exceptionally, with the tokens of the prefix that the first tier then holds
     */
    public CompletableFuture<Integer> prefetch(PromptChunks chunks, KvLayout layout) {
        Activity.Call call = activity.enter();
        CompletableFuture<Integer> tokens = new CompletableFuture<>();
        Thread.ofVirtual().name("lmcache-prefetch").start(() -> {
            try (call) {
                fetch(chunks, layout);
            } finally {
                tokens.complete(chunks.tokensIn(
                        tiers.first().containsPrefix(chunks.keys()).join()));
            }
        });
        return tokens;
    }

    private void fetch(PromptChunks chunks, KvLayout layout) {
        List<TierRun> elsewhere = new ArrayList<>();
        for (TierRun run : tiers.locate(chunks.keys(), Patience.UNLIMITED)) {
            if (run.tier() > 0) {
                elsewhere.add(run);
            }
        }
        try (ChunkStream stream =
                stream(chunks, layout, elsewhere, tiers.first().allocator(), _ -> true, Patience.UNLIMITED)) {
            for (Optional<ChunkStream.Arrival> arrival = stream.next(); arrival.isPresent(); arrival = stream.next()) {
                try (var _ = arrival.get().chunk()) {
                    promote(chunks, arrival.get());
                }
            }
        }
    }

    /**
     * Keeps the prefix that is there from being evicted by this instance. The caller closes the result.
     *
     * @param minTokens a shorter prefix is not worth it: nothing is pinned
     * @param foundIn is told of each run of tokens the tier that has it
     */
    public PinnedPrefix pin(PromptChunks chunks, int minTokens, ObjIntConsumer<String> foundIn) {
        try (Activity.Call _ = activity.enter()) {
            List<ChunkPin> pins = new ArrayList<>();
            List<TierRun> located = tiers.locate(chunks.keys(), Patience.UNLIMITED);
            int found = Tiers.found(located);
            Optional<ChunkPin> pin = Optional.empty();
            for (int index = 0; index < found; index++) {
                pin = pinAnywhere(chunks, index);
                if (pin.isEmpty()) {
                    break;
                }
                pins.add(pin.get());
            }
            PinnedPrefix pinned = new PinnedPrefix(chunks.tokensIn(pins.size()), pins);
            if (pinned.tokens() < minTokens) {
                pinned.close();
                return new PinnedPrefix(0, List.of());
            }
            tell(chunks, located, pins.size(), foundIn);
            return pinned;
        }
    }

    private Optional<ChunkPin> pinAnywhere(PromptChunks chunks, int index) {
        return tiers.all().stream()
                .flatMap(tier -> tier.tryPin(chunks.keys().get(index)).stream())
                .findFirst();
    }

    /**
     * Removes the chunks from every tier, as far as that is possible; readers that hold one are not disturbed.
     *
     * @return the tokens of the chunks that some tier held
     */
    public int remove(PromptChunks chunks) {
        try (Activity.Call _ = activity.enter()) {
            List<List<CompletableFuture<Boolean>>> removals = new ArrayList<>();
            for (ChunkKey key : chunks.keys()) {
                removals.add(tiers.all().stream()
                        .map(tier -> tier.tryInvalidate(key))
                        .toList());
            }
            int tokens = 0;
            for (int index = 0; index < chunks.count(); index++) {
                // Joined one by one: each tier has to be done, not only the first that says yes.
                long holders = removals.get(index).stream()
                        .filter(CompletableFuture::join)
                        .count();
                tokens += holders > 0 ? chunks.range(index).length() : 0;
            }
            return tokens;
        }
    }

    /**
     * Removes every chunk from every tier, but those pinned or being read.
     *
     * @throws LmcacheException with {@link ErrorCode#STORAGE} when a tier could not be cleared; the others are
     */
    public void clear() {
        clearEach(StorageBackend::clear);
    }

    /**
     * As {@link #clear()}, but only the chunks of that model.
     *
     * @throws LmcacheException with {@link ErrorCode#STORAGE} when a tier could not be cleared; the others are
     */
    public void clear(String model) {
        clearEach(tier -> tier.clear(model));
    }

    private void clearEach(Consumer<StorageBackend> clear) {
        try (Activity.Call _ = activity.enter()) {
            List<RuntimeException> failures = new ArrayList<>();
            for (StorageBackend tier : tiers.all()) {
                try {
                    clear.accept(tier);
                } catch (RuntimeException e) {
                    failures.add(new LmcacheException(
                            ErrorCode.STORAGE,
                            "Tier '" + tier.name() + "' could not be cleared: " + e.getMessage(),
                            e));
                }
            }
            if (!failures.isEmpty()) {
                RuntimeException first = failures.removeFirst();
                failures.forEach(first::addSuppressed);
                throw first;
            }
        }
    }

    /** What each tier holds and did. */
    public SortedMap<String, BackendStats> stats() {
        SortedMap<String, BackendStats> stats = new TreeMap<>();
        tiers.all().forEach(tier -> stats.put(tier.name(), tier.stats()));
        return stats;
    }

    /**
     * Ends the stack: refuses new calls, waits a bounded time for those under way and their writes, then closes the
     * tiers, slowest first. Idempotent.
     *
     * @throws LmcacheException with what the first tier threw that did not close cleanly; all are closed nevertheless
     */
    @Override
    public void close() {
        activity.closeAndAwaitQuiet(CLOSE_PATIENCE);
        tiers.close();
    }
}
