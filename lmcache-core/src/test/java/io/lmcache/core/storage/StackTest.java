package io.lmcache.core.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.PinnedPrefix;
import io.lmcache.api.engine.RetrieveResult;
import io.lmcache.api.engine.StoreResult;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.ForwardingBackend;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.core.config.PromotionPolicy;
import io.lmcache.core.config.StackOptions;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.core.engine.ModelStats;
import io.lmcache.core.hash.Chunker;
import io.lmcache.core.hash.PromptChunks;
import io.lmcache.core.hash.Sha256ChunkHasher;
import io.lmcache.testkit.FaultyBackend;
import io.lmcache.testkit.FaultyBackend.Operation;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.IntBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The behaviour of a stack of two tiers, seen through the facade: chunks of 16 tokens, 4 KiB each. */
class StackTest {
    private static final int CHUNK_TOKENS = 16;
    private static final KvLayout LAYOUT = KvLayout.kv(KvDtype.FLOAT, 2, 2, 8);
    private static final KeyScope SCOPE = KeyScope.of("model", LAYOUT);
    private static final long CHUNK_BYTES = LAYOUT.chunkBytes(CHUNK_TOKENS);
    private static final Duration SHORT = Duration.ofMillis(200);
    private static final Duration LONG = Duration.ofSeconds(30);

    private final MemoryTier fastTier = MemoryTier.memory(64 * CHUNK_BYTES);
    private final MemoryTier slowTier = MemoryTier.persistent(64 * CHUNK_BYTES, 4 * CHUNK_BYTES);
    private final FaultyBackend slow = new FaultyBackend(slowTier);
    private final List<LmcacheStack> stacks = new ArrayList<>();

    @AfterEach
    void everyEngineClosesWithoutALeak() {
        stacks.forEach(LmcacheStack::close);
    }

    @Nested
    class Retrieve {
        @Test
        void deliversWhatWasStoredInPrefixOrder() {
            KvCache cache = twoTiers();
            store(cache, prompt(100));
            assertThat(retrieve(cache, prompt(100))).isEqualTo(ranges(0, 100));
        }

        @Test
        void findsTheSharedPrefixOfALongerPrompt() {
            KvCache cache = twoTiers();
            store(cache, prompt(4 * CHUNK_TOKENS));
            assertThat(cache.lookup(prompt(1000))).isEqualTo(4 * CHUNK_TOKENS);
            assertThat(retrieve(cache, prompt(1000))).isEqualTo(ranges(0, 4 * CHUNK_TOKENS));
        }

        @Test
        void saysWhichTierServed() {
            KvCache cache = twoTiers();
            store(cache, prompt(6 * CHUNK_TOKENS));
            forget(fastTier, prompt(6 * CHUNK_TOKENS), 2, 6);
            RetrieveResult result = cache.retrieve(prompt(6 * CHUNK_TOKENS), StackTest::requireIntact);
            assertThat(result.tokens()).isEqualTo(6 * CHUNK_TOKENS);
            assertThat(result.tokensByTier()).isEqualTo(Map.of("fast", 2 * CHUNK_TOKENS, "slow", 4 * CHUNK_TOKENS));
        }

        @Test
        void continuesOverChunksThatAlternateBetweenTheTiers() {
            KvCache cache = stack(options(PromotionPolicy.NEVER)).cache(SCOPE);
            int[] prompt = prompt(8 * CHUNK_TOKENS);
            store(cache, prompt);
            for (int i = 0; i < 8; i++) {
                forget(i % 2 == 0 ? fastTier : slowTier, prompt, i, i + 1);
            }
            assertThat(cache.lookup(prompt)).isEqualTo(8 * CHUNK_TOKENS);
            assertThat(retrieve(cache, prompt)).isEqualTo(ranges(0, 8 * CHUNK_TOKENS));
        }

        @Test
        void endsAtAChunkThatNoTierHas() {
            KvCache cache = twoTiers();
            int[] prompt = prompt(8 * CHUNK_TOKENS);
            store(cache, prompt);
            forget(fastTier, prompt, 3, 4);
            forget(slowTier, prompt, 3, 4);
            assertThat(cache.lookup(prompt)).isEqualTo(3 * CHUNK_TOKENS);
            assertThat(retrieve(cache, prompt)).isEqualTo(ranges(0, 3 * CHUNK_TOKENS));
        }

        @Test
        void leavesOutWhatTheEngineHasAlready() {
            KvCache cache = twoTiers();
            store(cache, prompt(4 * CHUNK_TOKENS));
            List<TokenRange> delivered = new ArrayList<>();
            RetrieveResult result = cache.retrieve(
                    prompt(4 * CHUNK_TOKENS), 2 * CHUNK_TOKENS + 1, (range, buffer) -> delivered.add(range));
            assertThat(delivered).isEqualTo(ranges(2 * CHUNK_TOKENS, 4 * CHUNK_TOKENS));
            assertThat(result.tokens()).isEqualTo(4 * CHUNK_TOKENS);
        }

        @Test
        void promotesWhatASlowTierServed() {
            KvCache cache = twoTiers();
            int[] prompt = prompt(4 * CHUNK_TOKENS);
            store(cache, prompt);
            fastTier.clear();
            retrieve(cache, prompt);
            assertThat(cache.retrieve(prompt, StackTest::requireIntact).tokensByTier())
                    .isEqualTo(Map.of("fast", 4 * CHUNK_TOKENS));
        }

        @Test
        void doesNotPromoteWhenToldNotTo() {
            KvCache cache = stack(options(PromotionPolicy.NEVER)).cache(SCOPE);
            int[] prompt = prompt(4 * CHUNK_TOKENS);
            store(cache, prompt);
            fastTier.clear();
            retrieve(cache, prompt);
            assertThat(fastTier.chunks).isEmpty();
        }

        @Test
        void readsIntoTheTiersOwnMemoryWhenTheFirstTierIsFull() {
            KvCache cache = twoTiers();
            store(cache, prompt(4 * CHUNK_TOKENS));
            fastTier.clear();
            List<AutoCloseable> hog = new ArrayList<>();
            while (true) {
                var lease = fastTier.allocator().tryAllocate(CHUNK_BYTES);
                if (lease.isEmpty()) {
                    break;
                }
                hog.add(lease.get());
            }
            assertThat(retrieve(cache, prompt(4 * CHUNK_TOKENS))).isEqualTo(ranges(0, 4 * CHUNK_TOKENS));
            hog.forEach(StackTest::close);
        }

        @Test
        void asksForNoMoreBytesAheadThanAllowed() throws Exception {
            LmcacheStack stack = stack(new StackOptions(
                    Duration.ofSeconds(20),
                    Duration.ofSeconds(20),
                    3 * CHUNK_BYTES,
                    PromotionPolicy.ALWAYS,
                    1,
                    SHORT,
                    100,
                    SHORT));
            KvCache cache = stack.cache(SCOPE);
            int[] prompt = prompt(10 * CHUNK_TOKENS);
            store(cache, prompt);
            fastTier.clear();
            slow.on(Operation.GET).hang(10);
            CompletableFuture<List<TokenRange>> delivered =
                    CompletableFuture.supplyAsync(() -> retrieve(cache, prompt));
            await(() -> slow.on(Operation.GET).hanging() == 3);
            assertThat(slow.on(Operation.GET).calls()).isEqualTo(3);
            await(() -> {
                slow.on(Operation.GET).release();
                return delivered.isDone();
            });
            assertThat(delivered.get()).isEqualTo(ranges(0, 10 * CHUNK_TOKENS));
        }

        @Test
        void waitsForAWriteToGiveTheMemoryBackThatAChunkNeeds() throws Exception {
            KvCache cache = stack(null, slow, patientOptions()).cache(SCOPE);
            store(cache, prompt(2 * CHUNK_TOKENS));
            StoreResult storing = storeThatHoldsAllMemory(cache);
            CompletableFuture<List<TokenRange>> delivered =
                    CompletableFuture.supplyAsync(() -> retrieve(cache, prompt(2 * CHUNK_TOKENS)));
            await(() -> slow.on(Operation.GET).calls() > 2);
            assertThat(delivered).isNotDone();
            slow.on(Operation.PUT).release();
            assertThat(delivered.get(10, TimeUnit.SECONDS)).isEqualTo(ranges(0, 2 * CHUNK_TOKENS));
            assertThat(storing.published().get(10, TimeUnit.SECONDS)).containsEntry("slow", 4 * CHUNK_TOKENS);
        }

        @Test
        void triesAgainWhenAWriteGivesItsMemoryBackJustAfterATryThatFoundNone() {
            AtomicInteger gets = new AtomicInteger();
            StorageBackend releasing = new ForwardingBackend(slow) {
                @Override
                public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
                    CompletableFuture<Optional<StoredChunk>> answer = super.get(key, allocator);
                    // The first two are those requested ahead, the third is the first one tried alone.
                    if (gets.incrementAndGet() == 3) {
                        assertThat(answer).isCompletedWithValue(Optional.empty());
                        slow.on(Operation.PUT).release();
                    }
                    return answer;
                }
            };
            KvCache cache = stack(null, releasing, patientOptions()).cache(SCOPE);
            store(cache, prompt(2 * CHUNK_TOKENS));
            storeThatHoldsAllMemory(cache);
            assertThat(retrieve(cache, prompt(2 * CHUNK_TOKENS))).isEqualTo(ranges(0, 2 * CHUNK_TOKENS));
        }

        private StackOptions patientOptions() {
            return new StackOptions(
                    Duration.ofSeconds(10),
                    Duration.ofSeconds(10),
                    64 * CHUNK_BYTES,
                    PromotionPolicy.ALWAYS,
                    100,
                    SHORT,
                    5,
                    SHORT);
        }

        private StoreResult storeThatHoldsAllMemory(KvCache cache) {
            slow.on(Operation.PUT).hang(4);
            int[] other = IntStream.range(5000, 5000 + 4 * CHUNK_TOKENS).toArray();
            return cache.store(other, StackTest::fill);
        }

        @Test
        void anExceptionOfTheSinkReachesTheCallerAndLeavesNothingLeased() {
            KvCache cache = twoTiers();
            store(cache, prompt(8 * CHUNK_TOKENS));
            fastTier.clear();
            assertThatThrownBy(() -> cache.retrieve(prompt(8 * CHUNK_TOKENS), (range, buffer) -> {
                        throw new IllegalStateException("engine trouble");
                    }))
                    .hasMessage("engine trouble");
        }

        @Test
        void aHitShorterThanWorthwhileIsNone() {
            LmcacheStack stack = LmcacheStack.builder()
                    .chunkSize(CHUNK_TOKENS)
                    .minRetrieveTokens(3 * CHUNK_TOKENS)
                    .tier(fastTier)
                    .tier(slow)
                    .build();
            stacks.add(stack);
            KvCache cache = stack.cache(SCOPE);
            store(cache, prompt(2 * CHUNK_TOKENS));
            assertThat(cache.lookup(prompt(1000))).isZero();
            assertThat(retrieve(cache, prompt(1000))).isEmpty();
            try (PinnedPrefix pinned = cache.pin(prompt(1000))) {
                assertThat(pinned.tokens()).isZero();
                assertThat(fastTier.chunks.values())
                        .allSatisfy(chunk -> assertThat(chunk.lease().isSole()).isTrue());
            }
            store(cache, prompt(3 * CHUNK_TOKENS));
            assertThat(retrieve(cache, prompt(1000))).hasSize(3);
        }
    }

    /** A caller that waits for less than the tiers may take. */
    @Nested
    class InAHurry {
        private final KvCache cache = stack(
                        new StackOptions(LONG, LONG, 64 * CHUNK_BYTES, PromotionPolicy.ALWAYS, 2, SHORT, 1, LONG))
                .cache(SCOPE);
        private final int[] prompt = prompt(6 * CHUNK_TOKENS);

        @Test
        void lookupCountsWhatTheTiersHaveSaidInTime() {
            store(cache, prompt);
            forget(fastTier, prompt, 2, 6);
            slow.on(Operation.CONTAINS_PREFIX).hang(2);
            assertThat(cache.lookup(prompt, SHORT)).isEqualTo(2 * CHUNK_TOKENS);
            assertThat(cache.lookup(prompt, Duration.ZERO)).isEqualTo(2 * CHUNK_TOKENS);
            slow.on(Operation.CONTAINS_PREFIX).release();
            assertThat(cache.lookup(prompt, LONG)).isEqualTo(6 * CHUNK_TOKENS);
        }

        @Test
        void retrieveEndsAtTheFirstChunkThatIsNotThereInTime() {
            store(cache, prompt);
            fastTier.clear();
            slow.on(Operation.GET).pass(2).hang(4);
            long start = System.nanoTime();
            List<TokenRange> delivered = new ArrayList<>();
            RetrieveResult result =
                    cache.retrieve(prompt, 0, (range, _) -> delivered.add(range), Duration.ofSeconds(1));
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(LONG);
            // Fewer than two where the machine is busy.
            assertThat(ranges(0, 2 * CHUNK_TOKENS)).startsWith(delivered.toArray(TokenRange[]::new));
            assertThat(result.tokens()).isEqualTo(delivered.size() * CHUNK_TOKENS);
            slow.on(Operation.GET).release();
            fastTier.clear();
            assertThat(fastTier.allocator().usedBytes()).as("late chunks").isZero();
        }

        @Test
        void retrieveInNoTimeDeliversNothing() {
            store(cache, prompt);
            assertThat(cache.retrieve(prompt, 0, (_, _) -> {}, Duration.ZERO).tokens())
                    .isZero();
        }

        @Test
        void impatienceIsNoFailureOfTheTier() {
            store(cache, prompt);
            fastTier.clear();
            slow.on(Operation.GET).hang(6);
            cache.retrieve(prompt, 0, (_, _) -> {}, SHORT);
            // One failure would open the breaker.
            CompletableFuture<RetrieveResult> second =
                    CompletableFuture.supplyAsync(() -> cache.retrieve(prompt, 0, (_, _) -> {}, LONG));
            await(() -> {
                slow.on(Operation.GET).release();
                return second.isDone();
            });
            assertThat(second.join().tokens()).isEqualTo(prompt.length);
        }

        @Test
        void aNegativeTimeIsTheCallersMistake() {
            assertThatThrownBy(() -> cache.lookup(prompt, Duration.ofSeconds(-1)))
                    .isInstanceOf(LmcacheException.class)
                    .hasFieldOrPropertyWithValue("code", ErrorCode.INVALID_ARGUMENT);
        }

        @Test
        void anEndlessTimeIsNoLimit() {
            store(cache, prompt);
            assertThat(cache.lookup(prompt, Duration.ofSeconds(Long.MAX_VALUE))).isEqualTo(prompt.length);
        }
    }

    @Nested
    class Trouble {
        @Test
        void aReadThatFailsEndsThePrefixThere() {
            KvCache cache = twoTiers();
            int[] prompt = prompt(6 * CHUNK_TOKENS);
            store(cache, prompt);
            forget(fastTier, prompt, 4, 6);
            slow.on(Operation.GET).fail(4, () -> new IOException("EIO"));
            assertThat(retrieve(cache, prompt)).isEqualTo(ranges(0, 4 * CHUNK_TOKENS));
        }

        @Test
        void aReadThatHangsIsAMissAfterTheDeadlineAndItsLateBytesAreGivenBack() {
            KvCache cache = stack(options(PromotionPolicy.ALWAYS)).cache(SCOPE);
            int[] prompt = prompt(2 * CHUNK_TOKENS);
            store(cache, prompt);
            fastTier.clear();
            slow.on(Operation.GET).hang(4);
            long start = System.nanoTime();
            assertThat(retrieve(cache, prompt)).isEmpty();
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
            slow.on(Operation.GET).release();
            assertThat(fastTier.allocator().usedBytes()).isZero();
        }

        @Test
        void aLookupThatFailsFindsWhatTheOtherTierHas() {
            KvCache cache = twoTiers();
            store(cache, prompt(4 * CHUNK_TOKENS));
            forget(fastTier, prompt(4 * CHUNK_TOKENS), 2, 4);
            slow.on(Operation.CONTAINS_PREFIX).fail(1, () -> new IOException("EIO"));
            assertThat(cache.lookup(prompt(4 * CHUNK_TOKENS))).isEqualTo(2 * CHUNK_TOKENS);
        }

        @Test
        void aBackendThatThrowsIsAMissToo() {
            StorageBackend buggy = new ForwardingBackend(slowTier) {
                @Override
                public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
                    throw new IllegalStateException("a bug");
                }
            };
            KvCache cache = stack(fastTier, buggy, StackOptions.DEFAULTS).cache(SCOPE);
            store(cache, prompt(CHUNK_TOKENS));
            fastTier.clear();
            assertThat(retrieve(cache, prompt(CHUNK_TOKENS))).isEmpty();
        }

        @Test
        void aChunkOfAnotherShapeIsAMissAndRemoved() {
            KvCache cache = twoTiers();
            int[] prompt = prompt(CHUNK_TOKENS);
            ChunkKey key = key(prompt, 0);
            ChunkMeta other = new ChunkMeta(KvLayout.kv(KvDtype.FLOAT, 1, 4, 8), CHUNK_TOKENS);
            try (var lease = fastTier.allocator().tryAllocate(other.byteSize()).orElseThrow()) {
                fastTier.put(key, other, lease).join();
            }
            assertThat(retrieve(cache, prompt)).isEmpty();
            assertThat(fastTier.chunks).isEmpty();
        }

        @Test
        void aTierThatFailsAgainAndAgainIsLeftAloneForAWhile() {
            KvCache cache = stack(new StackOptions(
                            SHORT, SHORT, 64 * CHUNK_BYTES, PromotionPolicy.ALWAYS, 1, SHORT, 3, SHORT))
                    .cache(SCOPE);
            store(cache, prompt(CHUNK_TOKENS));
            fastTier.clear();
            slow.on(Operation.CONTAINS_PREFIX).fail(3, () -> new IOException("EIO"));
            for (int i = 0; i < 10; i++) {
                assertThat(cache.lookup(prompt(CHUNK_TOKENS))).isZero();
            }
            // One call was the store's; of the ten lookups only three got through.
            assertThat(slow.on(Operation.CONTAINS_PREFIX).calls()).isEqualTo(1 + 3);
            await(() -> cache.lookup(prompt(CHUNK_TOKENS)) == CHUNK_TOKENS);
        }

        @Test
        void lookupsThatMemoryAnswersDoNotHideThatEveryReadFails() {
            KvCache cache = stack(new StackOptions(
                            SHORT, SHORT, 64 * CHUNK_BYTES, PromotionPolicy.ALWAYS, 1, SHORT, 3, Duration.ofMinutes(1)))
                    .cache(SCOPE);
            store(cache, prompt(CHUNK_TOKENS));
            fastTier.clear();
            slow.on(Operation.GET).fail(100, () -> new IOException("EIO"));
            for (int i = 0; i < 10; i++) {
                assertThat(retrieve(cache, prompt(CHUNK_TOKENS))).isEmpty();
            }
            assertThat(slow.on(Operation.GET).calls()).isEqualTo(3);
        }

        @Test
        void aTierThatCannotBeWrittenToStillServesWhatItHas() {
            KvCache cache = stack(new StackOptions(
                            SHORT, SHORT, 64 * CHUNK_BYTES, PromotionPolicy.NEVER, 1, SHORT, 3, Duration.ofMinutes(1)))
                    .cache(SCOPE);
            int[] prompt = prompt(4 * CHUNK_TOKENS);
            store(cache, prompt);
            fastTier.clear();
            slow.on(Operation.PUT).fail(100, () -> new IOException("Read-only file system"));
            int before = slow.on(Operation.PUT).calls();
            store(cache, prompt(12 * CHUNK_TOKENS));
            assertThat(slow.on(Operation.PUT).calls() - before)
                    .as("writes before it is left alone")
                    .isEqualTo(3);
            fastTier.clear();
            assertThat(retrieve(cache, prompt)).isEqualTo(ranges(0, 4 * CHUNK_TOKENS));
        }

        @Test
        void aTierThatCannotBeReadIsStillWrittenTo() {
            KvCache cache = stack(new StackOptions(
                            SHORT, SHORT, 64 * CHUNK_BYTES, PromotionPolicy.NEVER, 1, SHORT, 3, Duration.ofMinutes(1)))
                    .cache(SCOPE);
            store(cache, prompt(CHUNK_TOKENS));
            fastTier.clear();
            slow.on(Operation.GET).fail(100, () -> new IOException("EIO"));
            for (int i = 0; i < 3; i++) {
                assertThat(retrieve(cache, prompt(CHUNK_TOKENS))).isEmpty();
            }
            store(cache, prompt(2 * CHUNK_TOKENS));
            assertThat(slowTier.chunks).hasSize(2);
        }

        @Test
        void aRefusalDoesNotHideThatEveryWriteFails() {
            // Every second write is refused before the storage is tried.
            AtomicInteger writes = new AtomicInteger();
            StorageBackend refusing = new ForwardingBackend(slowTier) {
                @Override
                public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    return writes.incrementAndGet() % 2 == 0
                            ? CompletableFuture.completedFuture(PutOutcome.declined(DeclineReason.BUSY, "busy"))
                            : CompletableFuture.failedFuture(new IOException("EIO"));
                }
            };
            KvCache cache = stack(
                            fastTier,
                            refusing,
                            new StackOptions(
                                    SHORT,
                                    SHORT,
                                    64 * CHUNK_BYTES,
                                    PromotionPolicy.NEVER,
                                    1,
                                    SHORT,
                                    3,
                                    Duration.ofMinutes(1)))
                    .cache(SCOPE);
            store(cache, prompt(20 * CHUNK_TOKENS));
            assertThat(writes).hasValue(5);
        }

        @Test
        void anErrorOfABackendIsAMissAndARefusal() {
            StorageBackend broken = new ForwardingBackend(slowTier) {
                @Override
                public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
                    throw new StackOverflowError("of the backend");
                }

                @Override
                public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    throw new OutOfMemoryError("of the backend");
                }
            };
            KvCache cache = stack(fastTier, broken, StackOptions.DEFAULTS).cache(SCOPE);
            assertThat(store(cache, prompt(CHUNK_TOKENS))).isEqualTo(Map.of("fast", CHUNK_TOKENS, "slow", 0));
            assertThat(retrieve(cache, prompt(2 * CHUNK_TOKENS))).isEqualTo(ranges(0, CHUNK_TOKENS));
            assertThat(fastTier.allocator().usedBytes()).isEqualTo(CHUNK_BYTES);
        }

        @Test
        void aBackendThatDoesNotLinkIsAMissToo() {
            StorageBackend incompatible = new ForwardingBackend(slowTier) {
                @Override
                public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
                    throw new NoSuchMethodError("built against another API");
                }
            };
            KvCache cache = stack(fastTier, incompatible, StackOptions.DEFAULTS).cache(SCOPE);
            store(cache, prompt(CHUNK_TOKENS));
            fastTier.clear();
            assertThat(retrieve(cache, prompt(CHUNK_TOKENS))).isEmpty();
        }

        @Test
        void aFailedWriteLeavesTheChunkInTheOtherTier() {
            KvCache cache = twoTiers();
            slow.on(Operation.PUT).fail(2, () -> new IOException("ENOSPC"));
            StoreResult result = cache.store(prompt(4 * CHUNK_TOKENS), StackTest::fill);
            assertThat(result.published().join()).isEqualTo(Map.of("fast", 4 * CHUNK_TOKENS, "slow", 2 * CHUNK_TOKENS));
            assertThat(retrieve(cache, prompt(4 * CHUNK_TOKENS))).isEqualTo(ranges(0, 4 * CHUNK_TOKENS));
        }

        @Test
        void failuresAreCounted() {
            LmcacheStack stack = stack(options(PromotionPolicy.ALWAYS));
            store(stack.cache(SCOPE), prompt(CHUNK_TOKENS));
            fastTier.clear();
            slow.on(Operation.GET).fail(2, () -> new IOException("EIO"));
            retrieve(stack.cache(SCOPE), prompt(CHUNK_TOKENS));
            assertThat(stack.stats().tiers())
                    .hasEntrySatisfying(
                            "slow",
                            stats -> assertThat(stats.count(BackendCounter.TIER_FAILURES))
                                    .isEqualTo(2));
        }
    }

    @Nested
    class Store {
        @Test
        void readsOnlyWhatIsNotThereYet() {
            KvCache cache = twoTiers();
            store(cache, prompt(4 * CHUNK_TOKENS));
            List<TokenRange> read = new ArrayList<>();
            StoreResult result = cache.store(prompt(6 * CHUNK_TOKENS), recording(read));
            assertThat(read).isEqualTo(ranges(4 * CHUNK_TOKENS, 6 * CHUNK_TOKENS));
            assertThat(result.presentTokens()).isEqualTo(4 * CHUNK_TOKENS);
            assertThat(result.storedTokens()).isEqualTo(2 * CHUNK_TOKENS);
            assertThat(result.declinedTokens()).isZero();
        }

        @Test
        void catchesUpATierThatLacksAChunkWithoutReadingTheEngineAgain() {
            KvCache cache = twoTiers();
            int[] prompt = prompt(4 * CHUNK_TOKENS);
            store(cache, prompt);
            forget(slowTier, prompt, 1, 4);
            List<TokenRange> read = new ArrayList<>();
            StoreResult result = cache.store(prompt, recording(read));
            assertThat(read).isEmpty();
            assertThat(result.published().join()).containsEntry("slow", 4 * CHUNK_TOKENS);
        }

        @Test
        void twoCallsForOneChunkDoTheWorkOnce() throws Exception {
            KvCache cache = twoTiers();
            int[] prompt = prompt(CHUNK_TOKENS);
            CountDownLatch filling = new CountDownLatch(1);
            CountDownLatch goOn = new CountDownLatch(1);
            CompletableFuture<StoreResult> first =
                    CompletableFuture.supplyAsync(() -> cache.store(prompt, (range, buffer) -> {
                        filling.countDown();
                        awaitLatch(goOn);
                        fill(range, buffer);
                    }));
            assertThat(filling.await(10, TimeUnit.SECONDS)).isTrue();
            List<TokenRange> readBySecond = new ArrayList<>();
            StoreResult second = cache.store(prompt, recording(readBySecond));
            assertThat(readBySecond).isEmpty();
            assertThat(second.published()).isNotDone();
            goOn.countDown();
            first.get(10, TimeUnit.SECONDS);
            assertThat(second.published().get(10, TimeUnit.SECONDS))
                    .isEqualTo(Map.of("fast", CHUNK_TOKENS, "slow", CHUNK_TOKENS));
        }

        @Test
        void anExceptionOfTheSourceLeavesNothingBehindAndTheChunkCanBeStoredAgain() {
            KvCache cache = twoTiers();
            assertThatThrownBy(() -> cache.store(prompt(CHUNK_TOKENS), (range, buffer) -> {
                        throw new IllegalStateException("engine trouble");
                    }))
                    .hasMessage("engine trouble");
            assertThat(cache.lookup(prompt(CHUNK_TOKENS))).isZero();
            store(cache, prompt(CHUNK_TOKENS));
            assertThat(retrieve(cache, prompt(CHUNK_TOKENS))).hasSize(1);
        }

        @Test
        void aSourceFillsChunksAheadAndNoneIsStoredBeforeItsBytesAreThere() {
            KvCache cache = twoTiers();
            LateSource source = new LateSource();
            StoreResult result = cache.store(prompt(20 * CHUNK_TOKENS), source);
            assertThat(source.mostUnderway).isGreaterThan(1);
            assertThat(source.underway).as("returned with fillings under way").isZero();
            assertThat(result.storedTokens()).isEqualTo(20 * CHUNK_TOKENS);
            assertThat(result.published().join())
                    .isEqualTo(Map.of("fast", 20 * CHUNK_TOKENS, "slow", 20 * CHUNK_TOKENS));
            // Every chunk of either tier has its bytes.
            assertThat(retrieve(cache, prompt(20 * CHUNK_TOKENS))).isEqualTo(ranges(0, 20 * CHUNK_TOKENS));
            fastTier.clear();
            assertThat(retrieve(cache, prompt(20 * CHUNK_TOKENS))).isEqualTo(ranges(0, 20 * CHUNK_TOKENS));
        }

        @Test
        void whatAFillingHoldsIsGivenBackWhenTheNextChunkNeedsIt() {
            // Room for eight chunks, of which seven are somebody else's, and one attempt to get any.
            MemoryTier small = MemoryTier.persistent(64 * CHUNK_BYTES, 8 * CHUNK_BYTES);
            KvCache cache = stack(
                            null,
                            small,
                            new StackOptions(
                                    SHORT, SHORT, 64 * CHUNK_BYTES, PromotionPolicy.ALWAYS, 1, SHORT, 1000, SHORT))
                    .cache(SCOPE);
            List<AutoCloseable> hog = new ArrayList<>();
            for (int i = 0; i < 7; i++) {
                hog.add(small.allocator().tryAllocate(CHUNK_BYTES).orElseThrow());
            }
            LateSource source = new LateSource();
            StoreResult result = cache.store(prompt(3 * CHUNK_TOKENS), source);
            hog.forEach(StackTest::close);
            assertThat(source.mostUnderway).isEqualTo(1);
            assertThat(result.storedTokens()).isEqualTo(3 * CHUNK_TOKENS);
        }

        @Test
        void aChunkWhoseBytesDoNotArriveEndsTheStoreThereAndCanBeStoredAgain() {
            KvCache cache = twoTiers();
            int[] prompt = prompt(10 * CHUNK_TOKENS);
            LateSource source = new LateSource();
            source.lost = new TokenRange(2 * CHUNK_TOKENS, 3 * CHUNK_TOKENS);
            assertThatThrownBy(() -> cache.store(prompt, source)).hasMessage("lost");
            assertThat(source.underway).as("fillings nobody waited for").isZero();
            assertThat(cache.lookup(prompt)).isEqualTo(2 * CHUNK_TOKENS);
            assertThat(fastTier.chunks).as("nothing beyond the gap").hasSize(2);
            StoreResult again = cache.store(prompt, StackTest::fill);
            assertThat(again.storedTokens()).isEqualTo(8 * CHUNK_TOKENS);
            assertThat(retrieve(cache, prompt)).isEqualTo(ranges(0, 10 * CHUNK_TOKENS));
        }

        @Test
        void aChunkThatASourceRefusesToBeginLeavesThoseBegunBeforeStored() {
            KvCache cache = twoTiers();
            int[] prompt = prompt(10 * CHUNK_TOKENS);
            LateSource source = new LateSource();
            source.refused = new TokenRange(3 * CHUNK_TOKENS, 4 * CHUNK_TOKENS);
            assertThatThrownBy(() -> cache.store(prompt, source)).hasMessage("refused");
            assertThat(source.underway).isZero();
            assertThat(retrieve(cache, prompt)).isEqualTo(ranges(0, 3 * CHUNK_TOKENS));
            assertThat(cache.store(prompt, StackTest::fill).storedTokens()).isEqualTo(7 * CHUNK_TOKENS);
        }

        @Test
        void waitsForAWriteToGiveItsBufferBack() throws Exception {
            // Without a memory tier the staging memory of the slow tier holds four chunks.
            KvCache cache = stack(
                            null,
                            slow,
                            new StackOptions(
                                    Duration.ofSeconds(10),
                                    Duration.ofSeconds(10),
                                    64 * CHUNK_BYTES,
                                    PromotionPolicy.ALWAYS,
                                    100,
                                    SHORT,
                                    5,
                                    SHORT))
                    .cache(SCOPE);
            slow.on(Operation.PUT).hang(4);
            CompletableFuture<StoreResult> result =
                    CompletableFuture.supplyAsync(() -> cache.store(prompt(10 * CHUNK_TOKENS), StackTest::fill));
            await(() -> slow.on(Operation.PUT).hanging() == 4);
            assertThat(result).isNotDone();
            slow.on(Operation.PUT).release();
            assertThat(result.get(10, TimeUnit.SECONDS).published().get(10, TimeUnit.SECONDS))
                    .containsEntry("slow", 10 * CHUNK_TOKENS);
        }

        @Test
        void goesThroughAnotherTiersMemoryWhenTheFirstHasNone() {
            KvCache cache = twoTiers();
            List<AutoCloseable> hog = new ArrayList<>();
            for (var lease = fastTier.allocator().tryAllocate(CHUNK_BYTES);
                    lease.isPresent();
                    lease = fastTier.allocator().tryAllocate(CHUNK_BYTES)) {
                hog.add(lease.get());
            }
            assertThat(store(cache, prompt(4 * CHUNK_TOKENS))).isEqualTo(Map.of("fast", 0, "slow", 4 * CHUNK_TOKENS));
            hog.forEach(StackTest::close);
        }

        @Test
        void declinesTheRestWhenMemoryStaysFull() {
            KvCache cache = stack(null, slow, options(PromotionPolicy.ALWAYS)).cache(SCOPE);
            slow.on(Operation.PUT).hang(4);
            StoreResult result = cache.store(prompt(10 * CHUNK_TOKENS), StackTest::fill);
            assertThat(result.storedTokens()).isEqualTo(4 * CHUNK_TOKENS);
            assertThat(result.declinedTokens()).isEqualTo(6 * CHUNK_TOKENS);
            slow.on(Operation.PUT).release();
        }

        @Test
        void aWriteThatHangsIsGivenUpAndCanBeRepeated() throws Exception {
            KvCache cache = stack(options(PromotionPolicy.ALWAYS)).cache(SCOPE);
            slow.on(Operation.PUT).hang(1);
            StoreResult result = cache.store(prompt(CHUNK_TOKENS), StackTest::fill);
            assertThat(result.published().get(10, TimeUnit.SECONDS)).isEqualTo(Map.of("fast", CHUNK_TOKENS, "slow", 0));
            assertThat(store(cache, prompt(CHUNK_TOKENS))).containsEntry("slow", CHUNK_TOKENS);
        }

        @Test
        void writesThatHangHoldNoMoreThanHalfOfTheMemoryTier() throws Exception {
            KvCache cache = stack(new StackOptions(
                            SHORT, LONG, 64 * CHUNK_BYTES, PromotionPolicy.NEVER, 1, SHORT, 1000, SHORT))
                    .cache(SCOPE);
            slow.on(Operation.PUT).hang(1000);
            StoreResult result = cache.store(prompt(60 * CHUNK_TOKENS), StackTest::fill);
            assertThat(slow.on(Operation.PUT).hanging()).isEqualTo(32);
            assertThat(result.storedTokens()).isEqualTo(60 * CHUNK_TOKENS);
            slow.on(Operation.PUT).release();
            assertThat(result.published().get(10, TimeUnit.SECONDS))
                    .isEqualTo(Map.of("fast", 60 * CHUNK_TOKENS, "slow", 32 * CHUNK_TOKENS));
        }

        @Test
        void aStoreWaitsForItsShareWhereWritesAreOnlySlow() throws Exception {
            KvCache cache = stack(new StackOptions(
                            LONG, LONG, 64 * CHUNK_BYTES, PromotionPolicy.NEVER, 10, LONG, 1000, SHORT))
                    .cache(SCOPE);
            slow.on(Operation.PUT).hang(32);
            CompletableFuture<StoreResult> result =
                    CompletableFuture.supplyAsync(() -> cache.store(prompt(60 * CHUNK_TOKENS), StackTest::fill));
            await(() -> slow.on(Operation.PUT).hanging() == 32);
            assertThat(result).isNotDone();
            slow.on(Operation.PUT).release();
            assertThat(result.get(10, TimeUnit.SECONDS).published().get(10, TimeUnit.SECONDS))
                    .containsEntry("slow", 60 * CHUNK_TOKENS);
        }

        @Test
        void aStoreWithoutPatienceLeavesOutATierThatHasTooMuchToWrite() throws Exception {
            KvCache cache = stack(new StackOptions(
                            LONG, LONG, 64 * CHUNK_BYTES, PromotionPolicy.NEVER, 10, LONG, 1000, SHORT))
                    .cache(SCOPE);
            slow.on(Operation.PUT).hang(1000);
            StoreResult result = cache.store(prompt(60 * CHUNK_TOKENS), StackTest::fill, Duration.ZERO);
            assertThat(result.storedTokens()).isEqualTo(60 * CHUNK_TOKENS);
            slow.on(Operation.PUT).release();
            assertThat(result.published().get(10, TimeUnit.SECONDS))
                    .isEqualTo(Map.of("fast", 60 * CHUNK_TOKENS, "slow", 32 * CHUNK_TOKENS));
        }

        @Test
        void aStoreWithoutPatienceEndsWhereThereIsNoMemory() {
            KvCache cache = stack(
                            null,
                            slow,
                            new StackOptions(
                                    LONG, LONG, 64 * CHUNK_BYTES, PromotionPolicy.NEVER, 10, LONG, 1000, SHORT))
                    .cache(SCOPE);
            slow.on(Operation.PUT).hang(4);
            StoreResult result = cache.store(prompt(10 * CHUNK_TOKENS), StackTest::fill, Duration.ZERO);
            assertThat(result.declinedTokens()).isEqualTo(6 * CHUNK_TOKENS);
            slow.on(Operation.PUT).release();
        }

        @Test
        void twentyThousandSmallChunksGoThrough() throws Exception {
            int[] prompt = prompt(20_000 * CHUNK_TOKENS);
            MemoryTier memory = MemoryTier.memory(20_000 * CHUNK_BYTES);
            MemoryTier files = MemoryTier.persistent(20_000 * CHUNK_BYTES, CHUNK_BYTES);
            ExecutorService writer = Executors.newSingleThreadExecutor(
                    Thread.ofPlatform().daemon().factory());
            AtomicInteger underway = new AtomicInteger();
            StorageBackend busyAtAThousand = new ForwardingBackend(files) {
                @Override
                public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    if (underway.incrementAndGet() > 1000) {
                        underway.decrementAndGet();
                        return CompletableFuture.completedFuture(PutOutcome.declined(DeclineReason.BUSY, "busy"));
                    }
                    BufferLease waiting = lease.share();
                    return CompletableFuture.supplyAsync(
                                    () -> files.put(key, meta, waiting).join(), writer)
                            .whenComplete((_, _) -> {
                                waiting.close();
                                underway.decrementAndGet();
                            });
                }
            };
            KvCache cache = stack(
                            memory,
                            busyAtAThousand,
                            new StackOptions(LONG, LONG, 64 * CHUNK_BYTES, PromotionPolicy.NEVER, 10, LONG, 5, SHORT))
                    .cache(SCOPE);
            assertThat(cache.store(prompt, StackTest::fill).published().get(60, TimeUnit.SECONDS))
                    .isEqualTo(Map.of("fast", prompt.length, "slow", prompt.length));
            writer.shutdown();
        }

        @Test
        void anEmptyPromptIsNothingToDo() {
            StoreResult result = twoTiers().store(new int[0], StackTest::fill);
            assertThat(result.storedTokens()).isZero();
            assertThat(result.published().join()).isEqualTo(Map.of("fast", 0, "slow", 0));
        }

        @Test
        void aNegativeTokenIsTheCallersMistake() {
            KvCache cache = twoTiers();
            assertThatThrownBy(() -> cache.store(new int[] {1, -1}, StackTest::fill))
                    .isInstanceOf(LmcacheException.class)
                    .hasFieldOrPropertyWithValue("code", ErrorCode.INVALID_ARGUMENT);
        }
    }

    @Nested
    class OtherCalls {
        @Test
        void prefetchMovesThePrefixToTheFirstTier() throws Exception {
            KvCache cache = stack(options(PromotionPolicy.NEVER)).cache(SCOPE);
            int[] prompt = prompt(8 * CHUNK_TOKENS);
            store(cache, prompt);
            forget(fastTier, prompt, 2, 7);
            assertThat(cache.prefetch(prompt).get(10, TimeUnit.SECONDS)).isEqualTo(8 * CHUNK_TOKENS);
            slowTier.clear();
            assertThat(retrieve(cache, prompt)).isEqualTo(ranges(0, 8 * CHUNK_TOKENS));
        }

        @Test
        void prefetchOfAnUnknownPromptCompletesWithNothing() throws Exception {
            assertThat(twoTiers().prefetch(prompt(100)).get(10, TimeUnit.SECONDS))
                    .isZero();
        }

        @Test
        void pinHoldsThePrefixThatIsThere() {
            KvCache cache = twoTiers();
            store(cache, prompt(3 * CHUNK_TOKENS));
            try (PinnedPrefix pinned = cache.pin(prompt(1000))) {
                assertThat(pinned.tokens()).isEqualTo(3 * CHUNK_TOKENS);
                assertThat(fastTier.chunks.values())
                        .allSatisfy(chunk -> assertThat(chunk.lease().isSole()).isFalse());
            }
            assertThat(fastTier.chunks.values())
                    .allSatisfy(chunk -> assertThat(chunk.lease().isSole()).isTrue());
        }

        @Test
        void removeTakesAPromptOutOfEveryTier() {
            KvCache cache = twoTiers();
            store(cache, prompt(4 * CHUNK_TOKENS));
            forget(fastTier, prompt(4 * CHUNK_TOKENS), 3, 4);
            assertThat(cache.remove(prompt(3 * CHUNK_TOKENS))).isEqualTo(3 * CHUNK_TOKENS);
            assertThat(fastTier.chunks).isEmpty();
            assertThat(slowTier.chunks).hasSize(1);
            assertThat(cache.remove(prompt(3 * CHUNK_TOKENS))).isZero();
        }

        @Test
        void clearEmptiesEveryTier() {
            LmcacheStack stack = stack(StackOptions.DEFAULTS);
            store(stack.cache(SCOPE), prompt(100));
            stack.clear();
            assertThat(stack.cache(SCOPE).lookup(prompt(100))).isZero();
        }

        @Test
        void clearOfAModelEmptiesEveryTierOfItAlone() {
            LmcacheStack stack = stack(StackOptions.DEFAULTS);
            KeyScope other = KeyScope.of("other", LAYOUT);
            store(stack.cache(SCOPE), prompt(100));
            store(stack.cache(SCOPE.withTags(Map.of("salt", "x"))), prompt(100));
            store(stack.cache(other), prompt(100));
            stack.clear(SCOPE.model());
            assertThat(stack.cache(SCOPE).lookup(prompt(100))).isZero();
            for (MemoryTier tier : List.of(fastTier, slowTier)) {
                assertThat(tier.chunks.keySet())
                        .hasSize(7)
                        .allSatisfy(key -> assertThat(key.scope()).isEqualTo(other));
            }
        }

        @Test
        void scopesThatDifferInATagDoNotMeet() {
            LmcacheStack stack = stack(StackOptions.DEFAULTS);
            store(stack.cache(SCOPE), prompt(100));
            assertThat(stack.cache(SCOPE.withTags(Map.of("salt", "x"))).lookup(prompt(100)))
                    .isZero();
        }

        @Test
        void statsTellWhatEachModelAskedForFoundAndStored() {
            LmcacheStack stack = stack(StackOptions.DEFAULTS);
            KvCache cache = stack.cache(SCOPE);
            store(cache, prompt(2 * CHUNK_TOKENS));
            cache.lookup(prompt(50));
            cache.pin(prompt(40)).close();
            retrieve(stack.cache(SCOPE.withTags(Map.of())), prompt(100));
            stack.cache(KeyScope.of("other", LAYOUT)).lookup(prompt(30));
            assertThat(stack.stats().models())
                    .isEqualTo(Map.of(
                            "model",
                            new ModelStats(2, 90, 4 * CHUNK_TOKENS, 1, 100, 2 * CHUNK_TOKENS, 1, 2 * CHUNK_TOKENS, 0),
                            "other",
                            new ModelStats(1, 30, 0, 0, 0, 0, 0, 0, 0)));
            assertThat(stack.stats().total())
                    .isEqualTo(
                            new ModelStats(3, 120, 4 * CHUNK_TOKENS, 1, 100, 2 * CHUNK_TOKENS, 1, 2 * CHUNK_TOKENS, 0));
        }

        @Test
        void whatEmbeddersHoldSaysWhatItIs() {
            LmcacheStack stack = stack(StackOptions.DEFAULTS);
            assertThat(stack).hasToString("LmcacheStack[tiers=[fast, slow], chunkSize=16]");
            assertThat(stack.cache(SCOPE)).hasToString("KvCache[" + SCOPE.text() + "]");
        }
    }

    @Nested
    class Lookup {
        @Test
        void asksATierNoMoreThanItTakes() {
            KvCache cache = twoTiers();
            store(cache, prompt(4 * CHUNK_TOKENS));
            forget(fastTier, prompt(4 * CHUNK_TOKENS), 2, 4);
            int before = slow.on(Operation.CONTAINS_PREFIX).calls();
            assertThat(cache.lookup(prompt(1000))).isEqualTo(4 * CHUNK_TOKENS);
            assertThat(slow.on(Operation.CONTAINS_PREFIX).calls()).isEqualTo(before + 1);
        }
    }

    @Nested
    class Lifetime {
        @Test
        void closeWaitsForWritesUnderWay() throws Exception {
            LmcacheStack stack = stack(StackOptions.DEFAULTS);
            slow.on(Operation.PUT).hang(1);
            StoreResult result = stack.cache(SCOPE).store(prompt(CHUNK_TOKENS), StackTest::fill);
            CompletableFuture<Void> closed = CompletableFuture.runAsync(stack::close);
            await(() -> isClosed(stack));
            assertThat(closed).isNotDone();
            slow.on(Operation.PUT).release();
            assertThat(result.published().get(10, TimeUnit.SECONDS)).containsEntry("slow", CHUNK_TOKENS);
            closed.get(10, TimeUnit.SECONDS);
        }

        @Test
        void afterCloseEveryCallSaysSo() {
            LmcacheStack stack = stack(StackOptions.DEFAULTS);
            stack.close();
            assertThat(isClosed(stack)).isTrue();
        }

        @Test
        void aStackWithoutTiersIsRefused() {
            assertThatThrownBy(() -> LmcacheStack.builder().build())
                    .hasFieldOrPropertyWithValue("code", ErrorCode.INVALID_CONFIGURATION)
                    .hasMessageContaining("gds_path");
        }

        @Test
        void twoTiersOfOneNameAreRefusedAndClosed() {
            MemoryTier twin = MemoryTier.memory(CHUNK_BYTES);
            assertThatThrownBy(() ->
                            LmcacheStack.builder().tier(fastTier).tier(twin).build())
                    .hasFieldOrPropertyWithValue("code", ErrorCode.INVALID_CONFIGURATION)
                    .hasMessageContaining("'fast'");
            assertThatThrownBy(() -> twin.allocator().tryAllocate(1))
                    .hasFieldOrPropertyWithValue("code", ErrorCode.CLOSED);
        }

        private boolean isClosed(LmcacheStack stack) {
            try {
                stack.cache(SCOPE).lookup(prompt(1));
                return false;
            } catch (LmcacheException e) {
                assertThat(e.code()).isEqualTo(ErrorCode.CLOSED);
                return true;
            }
        }
    }

    /** Writes the bytes of a chunk when it is waited for. */
    private static final class LateSource implements KvSource {
        private int underway;
        private int mostUnderway;
        private @Nullable TokenRange lost;
        private @Nullable TokenRange refused;

        @Override
        public void fill(TokenRange range, KvBuffer destination) {
            throw new AssertionError("beginFill is there");
        }

        @Override
        public Filling beginFill(TokenRange range, KvBuffer destination) {
            if (range.equals(refused)) {
                throw new IllegalStateException("refused");
            }
            mostUnderway = Math.max(mostUnderway, ++underway);
            return () -> {
                underway--;
                if (range.equals(lost)) {
                    throw new IllegalStateException("lost");
                }
                StackTest.fill(range, destination);
            };
        }
    }

    private KvCache twoTiers() {
        return stack(StackOptions.DEFAULTS).cache(SCOPE);
    }

    private LmcacheStack stack(StackOptions options) {
        return stack(fastTier, slow, options);
    }

    private LmcacheStack stack(@Nullable StorageBackend first, StorageBackend second, StackOptions options) {
        LmcacheStack.Builder builder =
                LmcacheStack.builder().chunkSize(CHUNK_TOKENS).options(options);
        if (first != null) {
            builder.tier(first);
        }
        LmcacheStack stack = builder.tier(second).build();
        stacks.add(stack);
        return stack;
    }

    /** Short deadlines, and a breaker that stays out of the way. */
    private static StackOptions options(PromotionPolicy promotion) {
        return new StackOptions(SHORT, SHORT, 64 * CHUNK_BYTES, promotion, 2, SHORT, 1000, SHORT);
    }

    private static Map<String, Integer> store(KvCache cache, int[] prompt) {
        return cache.store(prompt, StackTest::fill).published().join();
    }

    private static List<TokenRange> retrieve(KvCache cache, int[] prompt) {
        List<TokenRange> delivered = new ArrayList<>();
        RetrieveResult result = cache.retrieve(prompt, (range, buffer) -> {
            requireIntact(range, buffer);
            delivered.add(range);
        });
        assertThat(delivered.stream().mapToInt(TokenRange::length).sum()).isEqualTo(result.tokens());
        return delivered;
    }

    private static KvSource recording(List<TokenRange> ranges) {
        return (range, buffer) -> {
            ranges.add(range);
            fill(range, buffer);
        };
    }

    private static void fill(TokenRange range, KvBuffer buffer) {
        ((HostBuffer) buffer).segment().fill((byte) (range.start() / CHUNK_TOKENS + 1));
    }

    private static void requireIntact(TokenRange range, KvBuffer buffer) {
        byte expected = (byte) (range.start() / CHUNK_TOKENS + 1);
        assertThat(buffer.byteSize()).isEqualTo(LAYOUT.chunkBytes(range.length()));
        byte[] bytes = ((HostBuffer) buffer).segment().toArray(ValueLayout.JAVA_BYTE);
        assertThat(bytes).containsOnly(expected);
    }

    private static int[] prompt(int tokens) {
        return IntStream.range(0, tokens).toArray();
    }

    private static List<TokenRange> ranges(int from, int to) {
        List<TokenRange> ranges = new ArrayList<>();
        for (int start = from; start < to; start += CHUNK_TOKENS) {
            ranges.add(new TokenRange(start, Math.min(start + CHUNK_TOKENS, to)));
        }
        return ranges;
    }

    private static ChunkKey key(int[] prompt, int index) {
        PromptChunks chunks =
                new Chunker(new Sha256ChunkHasher(), CHUNK_TOKENS, true).chunks(SCOPE, IntBuffer.wrap(prompt));
        return chunks.keys().get(index);
    }

    private static void forget(MemoryTier tier, int[] prompt, int from, int to) {
        for (int index = from; index < to; index++) {
            assertThat(tier.tryInvalidate(key(prompt, index)).join()).isTrue();
        }
    }

    private static void await(BooleanSupplier condition) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waited for 10 s").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    private static void awaitLatch(CountDownLatch latch) {
        try {
            assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void close(AutoCloseable closeable) {
        try {
            closeable.close();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
