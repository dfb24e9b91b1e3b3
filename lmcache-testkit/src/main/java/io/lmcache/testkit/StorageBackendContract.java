package io.lmcache.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.BackendCapability;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.ChunkPin;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The contract of {@link StorageBackend} as tests, one for each rule.
 *
 * <p>The author of a backend extends this class and implements {@link #createBackend}. What a backend declares as its
 * {@link StorageBackend#capabilities()} decides which further hooks it has to override; their Javadoc says when. Every
 * wait is bounded by {@link #deadline()}. Chunks have 64 KiB at most, and {@link StorageBackend#allocator()} needs room
 * for 1 MiB. For use by one thread, like any test; JUnit makes an instance for each test.
 */
public abstract class StorageBackendContract {
    private static final long CHUNK_BYTES = TestChunks.META.byteSize();

    /** Room for everything that a test stores, whatever a backend adds to a chunk. */
    private static final long ROOMY = 16 << 20;

    /** Room for 16 chunks at most. */
    private static final long TIGHT = 16 * CHUNK_BYTES;

    /** So many chunks take four times {@link #TIGHT}. */
    private static final int FLOOD = 64;

    @RegisterExtension
    final LeakCheck leaks = new LeakCheck();

    private final SlabAllocator callersMemory = leaks.hostAllocator("caller", ROOMY);
    private final ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor();
    private final List<StorageBackend> backends = new ArrayList<>();

    /** For the author's class. */
    protected StorageBackendContract() {}

    /**
     * A fresh, empty backend that holds at most so many bytes. The test closes it.
     *
     * @param capacityBytes the limit, 1 MiB or more; what a backend adds to a chunk counts
     */
    protected abstract StorageBackend createBackend(long capacityBytes);

    /**
     * A further backend over the storage of the one that {@link #createBackend} made last. The test closes it. Has to be
     * overridden where {@link BackendCapability#PERSISTENT} or {@link BackendCapability#SHARED} is declared.
     */
    protected StorageBackend reopen() {
        throw new AssertionError("A backend that is PERSISTENT or SHARED is tested through reopen(): override it");
    }

    /**
     * Makes every access to the storage wait until the returned handle is closed. Without it the test that calls do not
     * wait for I/O is skipped; a backend that does no I/O has no need of it.
     */
    protected Optional<AutoCloseable> stallStorage() {
        return Optional.empty();
    }

    /** How long an operation may take. */
    protected Duration deadline() {
        return Duration.ofSeconds(10);
    }

    /** Writes the key's content; to be overridden where the backend's own memory is that of a device. */
    protected void fill(ChunkKey key, BufferLease lease) {
        TestChunks.fill(key, TestChunks.hostSegment(lease));
    }

    /** Checks the key's content; to be overridden where the backend leases memory of a device to readers. */
    protected void requireIntact(ChunkKey key, BufferLease lease) {
        TestChunks.requireIntact(key, TestChunks.hostSegment(lease));
    }

    @AfterEach
    final void closeBackends() {
        try {
            for (StorageBackend backend : backends.reversed()) {
                bounded("close", () -> {
                    backend.close();
                    return true;
                });
            }
        } finally {
            callers.shutdownNow();
        }
    }

    // Identity and facts

    @Test
    void nameIsOneThatSettingsCanUse() {
        assertThat(open(ROOMY).name()).matches("[a-z][a-z0-9-]*");
    }

    @Test
    void factsAndAllocatorAreConstant() {
        StorageBackend backend = open(ROOMY);
        BufferAllocator allocator = backend.allocator();
        var capabilities = backend.capabilities();
        store(backend, TestChunks.key(1));

        assertThat(backend.allocator()).isSameAs(allocator);
        assertThat(backend.capabilities()).isEqualTo(capabilities);
    }

    // Round trips

    @Test
    void emptyBackendMisses() {
        StorageBackend backend = open(ROOMY);
        ChunkKey key = TestChunks.key(1);

        assertMissing(backend, key);
        assertThat(prefix(backend, List.of(key))).isZero();
        assertThat(backend.tryPin(key)).isEmpty();
        assertThat(await(() -> backend.tryInvalidate(key))).isFalse();
        assertThat(backend.stats().chunks()).isZero();
        assertThat(backend.stats().bytes()).isZero();
    }

    @Test
    void storedChunkIsFoundWithItsBytesAndMeaning() {
        StorageBackend backend = open(ROOMY);
        for (ChunkKey key : TestChunks.keys(8)) {
            store(backend, key);
        }

        for (ChunkKey key : TestChunks.keys(8)) {
            assertHolds(backend, key, TestChunks.META);
        }
        assertMissing(backend, TestChunks.key(8));
    }

    @ParameterizedTest
    @EnumSource(KvDtype.class)
    void everyDtypeAndFormatComesBack(KvDtype dtype) {
        StorageBackend backend = open(ROOMY);
        for (KvLayout layout : List.of(KvLayout.kv(dtype, 3, 2, 5), KvLayout.mla(dtype, 3, 7))) {
            ChunkKey key = TestChunks.key(KeyScope.of("model", layout), 1);
            ChunkMeta meta = new ChunkMeta(layout, 16);

            assertThat(put(backend, backend.allocator(), key, meta)).isEqualTo(PutOutcome.stored());
            assertHolds(backend, key, meta);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 4095, 4096, 4097, 65_535})
    void sizesThatAreNoMultipleOfAPageComeBack(int bytes) {
        StorageBackend backend = open(ROOMY);
        ChunkMeta meta = new ChunkMeta(KvLayout.mla(KvDtype.UINT8, 1, 1), bytes);
        ChunkKey key = TestChunks.key(KeyScope.of("model", meta.layout()), 1);

        assertThat(put(backend, backend.allocator(), key, meta)).isEqualTo(PutOutcome.stored());
        assertHolds(backend, key, meta);
    }

    @Test
    void chunkInForeignHostMemoryIsStoredOrUnsupported() {
        StorageBackend backend = open(ROOMY);
        ChunkKey key = TestChunks.key(1);

        switch (put(backend, callersMemory, key, TestChunks.META)) {
            case PutOutcome.Stored() -> assertHolds(backend, key, TestChunks.META);
            case PutOutcome.Declined(DeclineReason reason, String message) ->
                assertThat(reason).as(message).isEqualTo(DeclineReason.UNSUPPORTED);
            case PutOutcome.AlreadyPresent() -> throw new AssertionError("The backend was empty");
        }
    }

    // Keys

    @ParameterizedTest
    @ValueSource(strings = {"../../etc/passwd", "..", ".", "/", "C:\\", "a\0b", "a@b=c%2F", "模型/💾", "-rf", " ", "con"})
    void modelNameThatLooksLikeAPathIsOnlyAName(String model) {
        StorageBackend backend = open(ROOMY);
        ChunkKey key = TestChunks.key(KeyScope.of(model, TestChunks.LAYOUT), 1);

        store(backend, key);
        assertHolds(backend, key, TestChunks.META);
    }

    @Test
    void modelNameMayBeLongerThanAFileName() {
        StorageBackend backend = open(ROOMY);
        ChunkKey key = TestChunks.key(KeyScope.of("m".repeat(300), TestChunks.LAYOUT), 1);

        store(backend, key);
        assertHolds(backend, key, TestChunks.META);
    }

    @Test
    void scopesThatDifferInOnePartNeverMeet() {
        StorageBackend backend = open(ROOMY);
        List<ChunkKey> keys =
                scopes().stream().map(scope -> TestChunks.key(scope, 1)).toList();
        for (ChunkKey key : keys) {
            assertMissing(backend, key);
            store(backend, key);
        }
        for (ChunkKey key : keys) {
            assertHolds(backend, key, metaOf(key));
        }
    }

    /** Scopes that differ in one part from the first; a chunk of any has the same size. */
    private static List<KeyScope> scopes() {
        KeyScope first = new KeyScope("model", 2, 0, TestChunks.LAYOUT, Collections.emptySortedMap());
        return List.of(
                first,
                KeyScope.of("Model", TestChunks.LAYOUT).inWorld(2, 0),
                first.inWorld(4, 0),
                first.inWorld(2, 1),
                KeyScope.of("model", KvLayout.kv(KvDtype.BFLOAT16, 2, 2, 16)).inWorld(2, 0),
                KeyScope.of("model", KvLayout.kv(KvDtype.HALF, 2, 4, 8)).inWorld(2, 0),
                KeyScope.of("model", KvLayout.kv(KvDtype.HALF, 4, 2, 8)).inWorld(2, 0),
                KeyScope.of("model", KvLayout.mla(KvDtype.HALF, 2, 64)).inWorld(2, 0),
                first.withTags(Map.of("tenant", "a")),
                first.withTags(Map.of("tenant", "b")),
                first.withTags(Map.of("user", "a")));
    }

    // Prefixes

    @Test
    void prefixEndsAtTheFirstGap() {
        StorageBackend backend = open(ROOMY);
        List<ChunkKey> keys = TestChunks.keys(5);
        store(backend, keys.get(0));
        store(backend, keys.get(1));
        store(backend, keys.get(3));

        assertThat(prefix(backend, keys)).isEqualTo(2);
    }

    @Test
    void prefixIsCountedInTheOrderOfTheKeys() {
        StorageBackend backend = open(ROOMY);
        store(backend, TestChunks.key(1));

        assertThat(prefix(backend, List.of(TestChunks.key(1), TestChunks.key(0))))
                .isEqualTo(1);
        assertThat(prefix(backend, List.of(TestChunks.key(0), TestChunks.key(1))))
                .isZero();
    }

    @Test
    void prefixOfNoKeysIsEmpty() {
        StorageBackend backend = open(ROOMY);
        store(backend, TestChunks.key(1));

        assertThat(prefix(backend, List.of())).isZero();
    }

    // Puts

    @Test
    void secondPutOfAKeyIsAlreadyPresent() {
        StorageBackend backend = open(ROOMY);
        ChunkKey key = TestChunks.key(1);
        store(backend, key);

        assertThat(put(backend, backend.allocator(), key, TestChunks.META)).isEqualTo(PutOutcome.alreadyPresent());
        assertThat(backend.stats().chunks()).isEqualTo(1);
        assertHolds(backend, key, TestChunks.META);
    }

    @Test
    void concurrentPutsOfOneKeyStoreItOnce() {
        StorageBackend backend = open(ROOMY);
        ChunkKey key = TestChunks.key(1);

        List<PutOutcome> outcomes = concurrently(8, caller -> put(backend, backend.allocator(), key, TestChunks.META));

        assertThat(outcomes).filteredOn(PutOutcome.Stored.class::isInstance).hasSize(1);
        assertThat(backend.stats().chunks()).isEqualTo(1);
        assertHolds(backend, key, TestChunks.META);
    }

    @Test
    void putWithALeaseOfAnotherSizeThrows() {
        StorageBackend backend = open(ROOMY);
        ChunkKey key = TestChunks.key(1);
        ChunkMeta half = new ChunkMeta(TestChunks.LAYOUT, TestChunks.META.tokens() / 2);
        try (BufferLease lease = filled(backend.allocator(), key, half)) {
            assertThatThrownBy(() -> backend.put(key, TestChunks.META, lease))
                    .isInstanceOfSatisfying(
                            LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.LAYOUT_MISMATCH));
            requireIntact(key, lease);
        }
        assertMissing(backend, key);
    }

    @Test
    void putLeavesTheLeaseToTheCaller() {
        StorageBackend backend = open(ROOMY);
        ChunkKey key = TestChunks.key(1);
        try (BufferLease lease = filled(backend.allocator(), key, TestChunks.META)) {
            await(() -> backend.put(key, TestChunks.META, lease));

            requireIntact(key, lease);
        }
    }

    @Test
    void callerMayCloseItsLeaseWhenPutHasReturned() {
        StorageBackend backend = open(ROOMY);
        for (ChunkKey key : TestChunks.keys(8)) {
            CompletableFuture<PutOutcome> outcome;
            try (BufferLease lease = filled(backend.allocator(), key, TestChunks.META)) {
                outcome = backend.put(key, TestChunks.META, lease);
            }
            assertThat(await(() -> outcome)).isEqualTo(PutOutcome.stored());
        }
        for (ChunkKey key : TestChunks.keys(8)) {
            assertHolds(backend, key, TestChunks.META);
        }
    }

    @Test
    void chunkThatCanNeverFitIsDeclined() {
        StorageBackend backend = open(TIGHT);
        ChunkKey key = TestChunks.key(1);
        ChunkMeta large = new ChunkMeta(TestChunks.LAYOUT, TestChunks.META.tokens() * 32);

        assertThat(put(backend, callersMemory, key, large))
                .isInstanceOfSatisfying(
                        PutOutcome.Declined.class,
                        declined ->
                                assertThat(declined.reason()).isIn(DeclineReason.TOO_LARGE, DeclineReason.UNSUPPORTED));
        assertMissing(backend, key);
    }

    // Bounds and pressure

    @Test
    void bytesNeverExceedTheLimit() {
        StorageBackend backend = open(TIGHT);
        assertThat(backend.stats().limitBytes()).isLessThanOrEqualTo(TIGHT);

        for (ChunkKey key : TestChunks.keys(FLOOD)) {
            put(backend, backend.allocator(), key, TestChunks.META);
            BackendStats stats = backend.stats();
            assertThat(stats.bytes()).isLessThanOrEqualTo(stats.limitBytes());
        }
        assertThat(countHeld(backend, FLOOD)).isBetween(1L, TIGHT / CHUNK_BYTES);
    }

    @Test
    void fullBackendTakesNewChunksOrDeclinesThem() {
        StorageBackend backend = open(TIGHT);
        for (ChunkKey key : TestChunks.keys(FLOOD)) {
            switch (put(backend, backend.allocator(), key, TestChunks.META)) {
                case PutOutcome.Stored() -> assertHolds(backend, key, TestChunks.META);
                case PutOutcome.Declined declined -> assertMissing(backend, key);
                case PutOutcome.AlreadyPresent() -> throw new AssertionError("No chunk was stored twice: " + key);
            }
        }
    }

    @Test
    void chunkInUseKeepsItsBytesWhateverIsStored() {
        StorageBackend backend = open(TIGHT);
        ChunkKey key = TestChunks.key(0);
        store(backend, key);
        try (StoredChunk held = find(backend, key)) {
            for (int number = 1; number < FLOOD; number++) {
                put(backend, backend.allocator(), TestChunks.key(number), TestChunks.META);
            }
            requireIntact(key, held.lease());
        }
    }

    @Test
    void invalidationLeavesReadersTheirBytes() {
        StorageBackend backend = open(TIGHT);
        ChunkKey key = TestChunks.key(0);
        store(backend, key);
        try (StoredChunk held = find(backend, key)) {
            await(() -> backend.tryInvalidate(key));
            for (int number = 1; number < FLOOD; number++) {
                put(backend, backend.allocator(), TestChunks.key(number), TestChunks.META);
            }
            requireIntact(key, held.lease());
        }
    }

    @Test
    void getWithoutMemoryIsAMissAndNoMore() {
        StorageBackend backend = open(ROOMY);
        ChunkKey key = TestChunks.key(1);
        store(backend, key);
        SlabAllocator exhausted = leaks.hostAllocator("exhausted", CHUNK_BYTES);
        try (BufferLease all = exhausted.tryAllocate(CHUNK_BYTES).orElseThrow()) {
            // A backend that leases its own memory to readers has no use for the caller's.
            await(() -> backend.get(key, exhausted)).ifPresent(chunk -> requireIntactAndClose(key, chunk));
            assertThat(all.isSole()).isTrue();
        }
        assertHolds(backend, key, TestChunks.META);
    }

    // Pins

    @Test
    void pinnedChunkIsNotEvicted() {
        StorageBackend backend = open(TIGHT);
        // Several, for whatever the order of eviction is, some of them would have to go.
        List<ChunkKey> pinned = TestChunks.keys(8);
        pinned.forEach(key -> store(backend, key));
        List<ChunkPin> pins =
                pinned.stream().map(key -> backend.tryPin(key).orElseThrow()).toList();

        for (int number = 8; number < FLOOD; number++) {
            put(backend, backend.allocator(), TestChunks.key(number), TestChunks.META);
        }
        pinned.forEach(key -> assertHolds(backend, key, TestChunks.META));
        pins.forEach(ChunkPin::close);
    }

    @Test
    void closingAPinTwiceReleasesItOnce() {
        StorageBackend backend = open(ROOMY);
        ChunkKey key = TestChunks.key(1);
        store(backend, key);
        ChunkPin first = backend.tryPin(key).orElseThrow();
        try (ChunkPin second = backend.tryPin(key).orElseThrow()) {
            assertThat(second).isNotNull();
            first.close();
            first.close();

            backend.clear();
            assertHolds(backend, key, TestChunks.META);
        }
    }

    @Test
    void backendFullOfPinnedChunksDeclines() {
        StorageBackend backend = open(TIGHT);
        List<ChunkKey> pinned = new ArrayList<>();
        List<ChunkPin> pins = new ArrayList<>();
        for (ChunkKey key : TestChunks.keys(FLOOD)) {
            if (put(backend, backend.allocator(), key, TestChunks.META) instanceof PutOutcome.Stored) {
                pins.add(backend.tryPin(key).orElseThrow());
                pinned.add(key);
            }
        }

        assertThat(pinned).hasSizeBetween(1, (int) (TIGHT / CHUNK_BYTES));
        pinned.forEach(key -> assertHolds(backend, key, TestChunks.META));
        pins.forEach(ChunkPin::close);
        assertThat(put(backend, backend.allocator(), TestChunks.key(FLOOD), TestChunks.META))
                .isEqualTo(PutOutcome.stored());
    }

    // Removal

    @Test
    void invalidatedChunkIsAMiss() {
        StorageBackend backend = open(ROOMY);
        store(backend, TestChunks.key(1));
        store(backend, TestChunks.key(2));

        assertThat(await(() -> backend.tryInvalidate(TestChunks.key(1)))).isTrue();
        assertMissing(backend, TestChunks.key(1));
        assertThat(prefix(backend, List.of(TestChunks.key(1)))).isZero();
        assertThat(await(() -> backend.tryInvalidate(TestChunks.key(1)))).isFalse();
        assertHolds(backend, TestChunks.key(2), TestChunks.META);
    }

    @Test
    void invalidatedChunkCanBeStoredAnew() {
        StorageBackend backend = open(ROOMY);
        ChunkKey key = TestChunks.key(1);
        ChunkMeta shorter = new ChunkMeta(TestChunks.LAYOUT, 3);
        store(backend, key);
        await(() -> backend.tryInvalidate(key));

        assertThat(put(backend, backend.allocator(), key, shorter)).isEqualTo(PutOutcome.stored());
        assertHolds(backend, key, shorter);
    }

    @Test
    void clearRemovesWhatIsNotPinned() {
        StorageBackend backend = open(ROOMY);
        TestChunks.keys(4).forEach(key -> store(backend, key));
        try (ChunkPin pin = backend.tryPin(TestChunks.key(0)).orElseThrow()) {
            assertThat(pin).isNotNull();
            backend.clear();
            assertHolds(backend, TestChunks.key(0), TestChunks.META);
            assertThat(countHeld(backend, 4)).isEqualTo(1);
        }
        backend.clear();
        assertThat(countHeld(backend, 4)).isZero();
    }

    @Test
    void clearOfOneModelLeavesTheOthers() {
        StorageBackend backend = open(ROOMY);
        ChunkKey plain = TestChunks.key(1);
        ChunkKey tagged = TestChunks.key(TestChunks.SCOPE.withTags(Map.of("tenant", "a")), 1);
        ChunkKey pinned = TestChunks.key(2);
        ChunkKey other = TestChunks.key(KeyScope.of(TestChunks.SCOPE.model() + "-2", TestChunks.LAYOUT), 1);
        List.of(plain, tagged, pinned, other).forEach(key -> store(backend, key));
        try (ChunkPin _ = backend.tryPin(pinned).orElseThrow()) {
            backend.clear(TestChunks.SCOPE.model());
            assertHolds(backend, pinned, TestChunks.META);
        }
        assertHolds(backend, other, TestChunks.META);
        assertThat(prefix(backend, List.of(plain))).isZero();
        assertThat(prefix(backend, List.of(tagged))).isZero();
        assertThat(backend.stats().chunks()).isEqualTo(2);

        backend.clear("no such model");
        assertThat(backend.stats().chunks()).isEqualTo(2);
    }

    @Test
    void statsCountWhatIsHeld() {
        StorageBackend backend = open(ROOMY);
        TestChunks.keys(3).forEach(key -> store(backend, key));
        assertThat(backend.stats().chunks()).isEqualTo(3);
        assertThat(backend.stats().bytes()).isEqualTo(3 * CHUNK_BYTES);

        await(() -> backend.tryInvalidate(TestChunks.key(1)));
        assertThat(backend.stats().chunks()).isEqualTo(2);
        assertThat(backend.stats().bytes()).isEqualTo(2 * CHUNK_BYTES);

        backend.clear();
        assertThat(backend.stats().chunks()).isZero();
        assertThat(backend.stats().bytes()).isZero();
    }

    // Waiting and concurrency

    @Test
    void futuresCompleteWithoutTheHelpOfTheCaller() throws InterruptedException {
        StorageBackend backend = open(ROOMY);
        ChunkKey key = TestChunks.key(1);
        store(backend, key);

        CountDownLatch done = new CountDownLatch(2);
        var count = backend.containsPrefix(List.of(key)).thenRun(done::countDown);
        var chunk = backend.get(key, callersMemory).thenAccept(found -> {
            found.ifPresent(StoredChunk::close);
            done.countDown();
        });
        assertThat(done.await(deadline().toMillis(), TimeUnit.MILLISECONDS))
                .as("containsPrefix: %s, get: %s", count, chunk)
                .isTrue();
    }

    @Test
    void noCallWaitsForTheStorage() throws Exception {
        StorageBackend backend = open(ROOMY);
        store(backend, TestChunks.key(1));
        CompletableFuture<PutOutcome> put;
        CompletableFuture<Optional<StoredChunk>> get;
        try (AutoCloseable stalled = stallStorage().orElseGet(StorageBackendContract::skip)) {
            assertThat(stalled).isNotNull();
            put = bounded("put", () -> startPut(backend, TestChunks.key(2)));
            get = bounded("get", () -> backend.get(TestChunks.key(1), callersMemory));
            bounded("containsPrefix", () -> backend.containsPrefix(TestChunks.keys(2)));
            bounded("tryInvalidate", () -> backend.tryInvalidate(TestChunks.key(3)));
            bounded("tryPin", () -> backend.tryPin(TestChunks.key(3)));
            bounded("stats", backend::stats);
        }
        assertThat(await(() -> put)).isEqualTo(PutOutcome.stored());
        requireIntactAndClose(TestChunks.key(1), await(() -> get).orElseThrow());
    }

    private static AutoCloseable skip() {
        return abort("stallStorage() is not overridden");
    }

    @Test
    void cancelledPutsStoreTheirBytesOrNothingAndKeepNoMemory() {
        StorageBackend backend = open(ROOMY);
        List<ChunkKey> keys = TestChunks.keys(8);
        keys.forEach(key -> startPut(backend, key).cancel(false));
        for (ChunkKey key : keys) {
            await(() -> backend.get(key, callersMemory)).ifPresent(chunk -> requireIntactAndClose(key, chunk));
        }
        backend.close();
        assertThat(backend.allocator().usedBytes()).isZero();
    }

    @Test
    void concurrentUseNeverYieldsWrongBytes() {
        StorageBackend backend = open(TIGHT);
        long seed = new Random().nextLong();
        List<Boolean> hits = concurrently(4, caller -> {
            Random random = new Random(seed + caller);
            boolean hit = false;
            for (int step = 0; step < 200; step++) {
                hit |= useAtRandom(backend, random);
            }
            return hit;
        });
        assertThat(hits).as("seed %d: some get finds its chunk", seed).contains(true);
        BackendStats stats = backend.stats();
        assertThat(stats.bytes()).as("seed %d", seed).isBetween(0L, stats.limitBytes());
    }

    private boolean useAtRandom(StorageBackend backend, Random random) {
        ChunkKey key = TestChunks.key(random.nextInt(32));
        switch (random.nextInt(8)) {
            case 0 -> await(() -> backend.tryInvalidate(key));
            case 1 -> backend.tryPin(key).ifPresent(ChunkPin::close);
            case 2, 3, 4 -> put(backend, backend.allocator(), key, TestChunks.META);
            default -> {
                Optional<StoredChunk> found = await(() -> backend.get(key, callersMemory));
                found.ifPresent(chunk -> requireIntactAndClose(key, chunk));
                return found.isPresent();
            }
        }
        return false;
    }

    // End of life

    @Test
    void closeIsIdempotent() {
        StorageBackend backend = open(ROOMY);
        store(backend, TestChunks.key(1));
        backend.close();
        backend.close();
    }

    @Test
    void closedBackendMissesAndDeclines() {
        StorageBackend backend = open(ROOMY);
        ChunkKey key = TestChunks.key(1);
        store(backend, key);
        backend.close();

        assertMissing(backend, key);
        assertThat(prefix(backend, List.of(key))).isZero();
        assertThat(backend.tryPin(key)).isEmpty();
        assertThat(put(backend, callersMemory, TestChunks.key(2), TestChunks.META))
                .isInstanceOfSatisfying(
                        PutOutcome.Declined.class,
                        declined -> assertThat(declined.reason()).isEqualTo(DeclineReason.CLOSED));
    }

    @Test
    void closedBackendHoldsNoMemory() {
        StorageBackend backend = open(ROOMY);
        TestChunks.keys(4).forEach(key -> store(backend, key));
        assertHolds(backend, TestChunks.key(1), TestChunks.META);
        backend.close();

        assertThat(backend.allocator().usedBytes()).isZero();
        assertThat(callersMemory.usedBytes()).isZero();
    }

    @Test
    void closeReportsMemoryThatIsStillLeasedAndCanBeRepeated() {
        StorageBackend backend = open(ROOMY);
        ChunkKey key = TestChunks.key(1);
        try (BufferLease lease = filled(backend.allocator(), key, TestChunks.META)) {
            assertThatThrownBy(backend::close)
                    .isInstanceOfSatisfying(
                            LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.LEAK));
            requireIntact(key, lease);
        }
        backend.close();
    }

    @Test
    void persistentChunksSurviveTheBackend() {
        StorageBackend backend = open(ROOMY);
        assumeTrue(backend.capabilities().contains(BackendCapability.PERSISTENT), "the backend is not PERSISTENT");
        TestChunks.keys(4).forEach(key -> store(backend, key));
        backend.close();

        StorageBackend next = track(reopen());
        TestChunks.keys(4).forEach(key -> assertHolds(next, key, TestChunks.META));
        assertThat(prefix(next, TestChunks.keys(5))).isEqualTo(4);
    }

    @Test
    void sharedChunksAreSeenByOthersAtOnce() {
        StorageBackend one = open(ROOMY);
        assumeTrue(one.capabilities().contains(BackendCapability.SHARED), "the backend is not SHARED");
        StorageBackend other = track(reopen());
        for (ChunkKey key : TestChunks.keys(4)) {
            assertMissing(other, key);
            store(one, key);
            assertThat(prefix(other, List.of(key))).isEqualTo(1);
            assertHolds(other, key, TestChunks.META);
            assertThat(put(other, other.allocator(), key, TestChunks.META)).isEqualTo(PutOutcome.alreadyPresent());
        }
        assertThat(await(() -> other.tryInvalidate(TestChunks.key(1)))).isTrue();
        assertMissing(one, TestChunks.key(1));
        store(other, TestChunks.key(5));
        assertHolds(one, TestChunks.key(5), TestChunks.META);
    }

    // Helpers

    private StorageBackend open(long capacityBytes) {
        return track(createBackend(capacityBytes));
    }

    private StorageBackend track(StorageBackend backend) {
        backends.add(backend);
        return backend;
    }

    private static ChunkMeta metaOf(ChunkKey key) {
        return new ChunkMeta(key.scope().layout(), TestChunks.META.tokens());
    }

    private void store(StorageBackend backend, ChunkKey key) {
        assertThat(put(backend, backend.allocator(), key, metaOf(key))).isEqualTo(PutOutcome.stored());
    }

    /** Puts a filled chunk; memory that cannot be had counts as a backend that is full. */
    private PutOutcome put(StorageBackend backend, BufferAllocator from, ChunkKey key, ChunkMeta meta) {
        Optional<BufferLease> memory = from.tryAllocate(meta.byteSize());
        if (memory.isEmpty()) {
            return PutOutcome.declined(DeclineReason.FULL, "no memory from '" + from.name() + "'");
        }
        try (BufferLease lease = memory.get()) {
            fill(key, lease);
            return await(() -> backend.put(key, meta, lease));
        }
    }

    private CompletableFuture<PutOutcome> startPut(StorageBackend backend, ChunkKey key) {
        try (BufferLease lease = filled(backend.allocator(), key, TestChunks.META)) {
            return backend.put(key, TestChunks.META, lease);
        }
    }

    private BufferLease filled(BufferAllocator from, ChunkKey key, ChunkMeta meta) {
        BufferLease lease = from.tryAllocate(meta.byteSize()).orElseThrow();
        fill(key, lease);
        return lease;
    }

    private int prefix(StorageBackend backend, List<ChunkKey> keys) {
        return await(() -> backend.containsPrefix(keys));
    }

    private StoredChunk find(StorageBackend backend, ChunkKey key) {
        return await(() -> backend.get(key, callersMemory))
                .orElseThrow(() -> new AssertionError("The backend does not find " + key));
    }

    private void assertHolds(StorageBackend backend, ChunkKey key, ChunkMeta meta) {
        try (StoredChunk chunk = find(backend, key)) {
            assertThat(chunk.meta()).isEqualTo(meta);
            assertThat(chunk.lease().buffer().byteSize()).isEqualTo(meta.byteSize());
            requireIntact(key, chunk.lease());
        }
        assertThat(prefix(backend, List.of(key))).isEqualTo(1);
    }

    private void assertMissing(StorageBackend backend, ChunkKey key) {
        Optional<StoredChunk> found = await(() -> backend.get(key, callersMemory));
        found.ifPresent(StoredChunk::close);
        assertThat(found).isEmpty();
    }

    private long countHeld(StorageBackend backend, int keys) {
        long held = 0;
        for (ChunkKey key : TestChunks.keys(keys)) {
            Optional<StoredChunk> found = await(() -> backend.get(key, callersMemory));
            found.ifPresent(chunk -> requireIntactAndClose(key, chunk));
            held += found.isPresent() ? 1 : 0;
        }
        return held;
    }

    private void requireIntactAndClose(ChunkKey key, StoredChunk chunk) {
        try (chunk) {
            requireIntact(key, chunk.lease());
        }
    }

    /** What one of several concurrent callers does. */
    private interface Caller<T> {
        T call(int number) throws Exception;
    }

    private <T> List<T> concurrently(int count, Caller<T> caller) {
        CountDownLatch start = new CountDownLatch(1);
        List<Future<T>> calls = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int number = i;
            calls.add(callers.submit(() -> {
                start.await();
                return caller.call(number);
            }));
        }
        start.countDown();
        return calls.stream().map(call -> result("concurrent use", call)).toList();
    }

    private <T> T await(Callable<CompletableFuture<T>> operation) {
        return bounded("the operation", () -> operation.call().get());
    }

    /** Runs a call that might hang on a thread of its own. */
    private <T> T bounded(String what, Callable<T> call) {
        return result(what, callers.submit(call));
    }

    private <T> T result(String what, Future<T> call) {
        try {
            return call.get(deadline().toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            call.cancel(true);
            throw new AssertionError(what + " has not ended within " + deadline(), e);
        } catch (ExecutionException e) {
            throw new AssertionError(what + " has failed: " + e.getCause(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(what + " was interrupted", e);
        }
    }
}
