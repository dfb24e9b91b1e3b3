package io.lmcache.core.storage;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KvLayout;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.StoreResult;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.RateLimitedLog;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.core.config.StackOptions;
import io.lmcache.core.hash.PromptChunks;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stores the chunks of prompts that are not there yet. Concurrent stores of one chunk do the work once.
 *
 * <p>Thread-safe.
 */
final class ChunkWriter {
    private static final Logger LOG = LoggerFactory.getLogger(ChunkWriter.class);
    /** What a source may be filling beside the chunk that is waited for; a GPU's bus is busy with it for a millisecond. */
    private static final long BYTES_AHEAD = 64L << 20;

    private final RateLimitedLog log = new RateLimitedLog(LOG::warn);
    private final Tiers tiers;
    private final StackOptions options;
    private final Activity activity;
    /** Chunks that some call is storing, each with the answer which tiers (by index) hold it in the end. */
    private final ConcurrentMap<ChunkKey, CompletableFuture<List<Integer>>> underway = new ConcurrentHashMap<>();

    ChunkWriter(Tiers tiers, StackOptions options, Activity activity) {
        this.tiers = tiers;
        this.options = options;
        this.activity = activity;
    }

    StoreResult store(PromptChunks chunks, KvLayout layout, KvSource source, Duration patience) {
        return new Store(chunks, layout, source, patience).run();
    }

    /**
     * The chunks, by index, that a store would read from its source now: those that no tier with memory and not the last
     * tier holds, and that no other store is at.
     */
    List<Integer> missing(PromptChunks chunks) {
        int[] present = presentPrefixes(chunks.keys());
        int held = Math.max(present[tiers.count() - 1], Tiers.keepsChunksInMemory(tiers.first()) ? present[0] : 0);
        List<Integer> missing = new ArrayList<>();
        for (int index = held; index < chunks.count(); index++) {
            if (!underway.containsKey(chunks.keys().get(index))) {
                missing.add(index);
            }
        }
        return missing;
    }

    /** How long a call may wait for others in all, from its beginning. */
    private static final class Patience {
        private final long end;

        Patience(Duration patience) {
            this.end = System.nanoTime() + patience.toNanos();
        }

        boolean isOver() {
            return end - System.nanoTime() <= 0;
        }

        Duration atMost(Duration wait) {
            long left = Math.max(0, end - System.nanoTime());
            return wait.toNanos() <= left ? wait : Duration.ofNanos(left);
        }
    }

    /** One call. */
    private final class Store {
        private final PromptChunks chunks;
        private final KvLayout layout;
        private final KvSource source;
        private final List<BufferAllocator> memories;
        private final int[] present;
        private final Fillings fillings;
        private final List<CompletableFuture<List<Integer>>> holders = new ArrayList<>();
        private final Patience patience;
        private int storedTokens;
        private int presentTokens;
        /** Whether waiting for a busy tier was in vain; then this call does not wait for it again. */
        private boolean isStuck;

        Store(PromptChunks chunks, KvLayout layout, KvSource source, Duration patience) {
            this.chunks = chunks;
            this.layout = layout;
            this.source = source;
            this.patience = new Patience(patience);
            this.memories = Tiers.memoriesOf(tiers.all(), source::accepts);
            this.present = presentPrefixes(chunks.keys());
            this.fillings = new Fillings(ahead(layout.chunkBytes(chunks.chunkSize()), memories.getFirst()));
        }

        StoreResult run() {
            int index = 0;
            try (fillings) {
                while (index < chunks.count() && storeChunk(index)) {
                    fillings.settle();
                    index++;
                }
            }
            int declinedTokens = chunks.tokens() - chunks.tokensIn(index);
            return new StoreResult(storedTokens, presentTokens, declinedTokens, published());
        }

        /** False when there is no memory for the chunk: what follows it in the prefix would never be found. */
        private boolean storeChunk(int index) {
            int tokens = chunks.range(index).length();
            if (index < present[tiers.count() - 1]) {
                presentTokens += tokens;
                holders.add(CompletableFuture.completedFuture(tiersHolding(index)));
                return true;
            }
            CompletableFuture<List<Integer>> mine = new CompletableFuture<>();
            CompletableFuture<List<Integer>> other =
                    underway.putIfAbsent(chunks.keys().get(index), mine);
            if (other != null) {
                presentTokens += tokens;
                holders.add(other);
                return true;
            }
            if (!begin(index, mine)) {
                return false;
            }
            storedTokens += tokens;
            holders.add(mine);
            return true;
        }

        private boolean begin(int index, CompletableFuture<List<Integer>> done) {
            boolean begun = false;
            try {
                begun = beginReading(index, done) || beginFilling(index, done);
            } finally {
                if (!begun) {
                    finish(chunks.keys().get(index), done, List.of());
                }
            }
            return begun;
        }

        /** True when the first tier holds the chunk's bytes already: the engine's need not be read. */
        private boolean beginReading(int index, CompletableFuture<List<Integer>> done) {
            if (index >= present[0] || !Tiers.keepsChunksInMemory(tiers.first())) {
                return false;
            }
            Optional<StoredChunk> held = tiers.first()
                    .get(chunks.keys().get(index), tiers.first().allocator())
                    .join();
            if (held.isPresent() && held.get().meta().equals(meta(index))) {
                fillings.add(held.get().lease(), () -> {}, outcome(index, done));
                return true;
            }
            held.ifPresent(StoredChunk::close);
            return false;
        }

        /** False when there is no memory. */
        private boolean beginFilling(int index, CompletableFuture<List<Integer>> done) {
            BufferLease lease = allocate(meta(index).byteSize());
            if (lease == null) {
                return false;
            }
            boolean begun = false;
            try {
                fillings.add(lease, source.beginFill(chunks.range(index), lease.buffer()), outcome(index, done));
                begun = true;
            } finally {
                if (!begun) {
                    lease.close();
                }
            }
            return true;
        }

        /** A buffer; null when there is none for long. */
        private @Nullable BufferLease allocate(long bytes) {
            Optional<BufferLease> lease = tryAllocate(memories, bytes);
            if (lease.isPresent()) {
                return lease.get();
            }
            // What has begun gives its memory back only once it is written.
            fillings.settleAll();
            return awaitMemory(memories, bytes, patience);
        }

        private Fillings.Outcome outcome(int index, CompletableFuture<List<Integer>> done) {
            return new Fillings.Outcome() {
                @Override
                public void filled(BufferLease lease) {
                    putIntoTiers(index, lease, done);
                }

                @Override
                public void abandoned() {
                    finish(chunks.keys().get(index), done, List.of());
                }
            };
        }

        private void putIntoTiers(int index, BufferLease lease, CompletableFuture<List<Integer>> done) {
            List<CompletableFuture<PutOutcome>> outcomes = new ArrayList<>();
            activity.writeBegins();
            boolean begun = false;
            try {
                for (StorageBackend tier : tiers.all()) {
                    outcomes.add(put(tier, index, lease));
                }
                var _ = CompletableFuture.allOf(outcomes.toArray(CompletableFuture[]::new))
                        .whenComplete((_, _) -> {
                            activity.writeEnded();
                            finish(chunks.keys().get(index), done, indexesOfHolders(outcomes));
                        });
                begun = true;
            } finally {
                if (!begun) {
                    activity.writeEnded();
                }
            }
        }

        /** A tier that has too much to write may have less in a moment: it is asked again, a bounded number of times. */
        private CompletableFuture<PutOutcome> put(StorageBackend tier, int index, BufferLease lease) {
            for (int attempt = 1; ; attempt++) {
                long seen = activity.writesEnded();
                CompletableFuture<PutOutcome> outcome = tier.put(chunks.keys().get(index), meta(index), lease);
                if (!isBusy(outcome)
                        || isStuck
                        || patience.isOver()
                        || attempt == options.allocationAttempts()
                        || !activity.awaitWriteAfter(seen, patience.atMost(options.allocationDelay()))) {
                    isStuck = isBusy(outcome);
                    return outcome;
                }
            }
        }

        private ChunkMeta meta(int index) {
            return new ChunkMeta(layout, chunks.range(index).length());
        }

        private List<Integer> tiersHolding(int index) {
            List<Integer> holding = new ArrayList<>();
            for (int tier = 0; tier < present.length; tier++) {
                if (index < present[tier]) {
                    holding.add(tier);
                }
            }
            return holding;
        }

        private CompletableFuture<SortedMap<String, Integer>> published() {
            return CompletableFuture.allOf(holders.toArray(CompletableFuture[]::new))
                    .thenApply(_ -> tokensByTier());
        }

        private SortedMap<String, Integer> tokensByTier() {
            SortedMap<String, Integer> tokens = new TreeMap<>();
            tiers.all().forEach(tier -> tokens.put(tier.name(), 0));
            for (int index = 0; index < holders.size(); index++) {
                int length = chunks.range(index).length();
                for (int tier : holders.get(index).join()) {
                    tokens.merge(tiers.at(tier).name(), length, Integer::sum);
                }
            }
            return tokens;
        }
    }

    /** In this order: whoever sees the answer may store the chunk again at once. */
    private void finish(ChunkKey key, CompletableFuture<List<Integer>> done, List<Integer> holders) {
        underway.remove(key, done);
        done.complete(holders);
    }

    /** For each tier, how many chunks from the first it holds. */
    private int[] presentPrefixes(List<ChunkKey> keys) {
        List<CompletableFuture<Integer>> answers = new ArrayList<>();
        for (StorageBackend tier : tiers.all()) {
            answers.add(tier.confirmPrefix(keys));
        }
        return answers.stream().mapToInt(CompletableFuture::join).toArray();
    }

    private static List<Integer> indexesOfHolders(List<CompletableFuture<PutOutcome>> outcomes) {
        List<Integer> holders = new ArrayList<>();
        for (int tier = 0; tier < outcomes.size(); tier++) {
            switch (outcomes.get(tier).join()) {
                case PutOutcome.Stored _, PutOutcome.AlreadyPresent _ -> holders.add(tier);
                case PutOutcome.Declined _ -> {}
            }
        }
        return holders;
    }

    private static boolean isBusy(CompletableFuture<PutOutcome> outcome) {
        return outcome.isDone()
                && outcome.join() instanceof PutOutcome.Declined declined
                && declined.reason() == DeclineReason.BUSY;
    }

    /** How many chunks may be filled ahead: enough to keep a source busy, few where memory is short. */
    private static int ahead(long chunkBytes, BufferAllocator memory) {
        long enough = Math.max(1, BYTES_AHEAD / chunkBytes);
        return Math.toIntExact(Math.min(enough, memory.limitBytes() / 8 / chunkBytes));
    }

    /** A buffer of the first memory that has one. */
    private static Optional<BufferLease> tryAllocate(List<BufferAllocator> memories, long bytes) {
        return memories.stream()
                .flatMap(memory -> memory.tryAllocate(bytes).stream())
                .findFirst();
    }

    /** As {@link #tryAllocate}, but waits for writes in flight to give theirs back, a bounded number of times. */
    private @Nullable BufferLease awaitMemory(List<BufferAllocator> memories, long bytes, Patience patience) {
        for (int attempt = 1; ; attempt++) {
            long seen = activity.writesEnded();
            Optional<BufferLease> lease = tryAllocate(memories, bytes);
            if (lease.isPresent()) {
                return lease.get();
            }
            if (patience.isOver()
                    || attempt == options.allocationAttempts()
                    || !activity.awaitWriteAfter(seen, patience.atMost(options.allocationDelay()))) {
                log.warn("A store ends early: no tier has " + bytes + " bytes of memory for the next chunk, "
                        + memories.stream()
                                .map(memory -> "'" + memory.name() + "' has " + memory.usedBytes() + " of "
                                        + memory.limitBytes() + " in use")
                                .collect(Collectors.joining(", "))
                        + "; raise max_local_cpu_size or cufile_buffer_size");
                return null;
            }
        }
    }
}
