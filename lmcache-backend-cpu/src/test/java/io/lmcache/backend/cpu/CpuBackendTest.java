package io.lmcache.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.ChunkPin;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.testkit.LeakCheck;
import io.lmcache.testkit.TestChunks;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CpuBackendTest {
    private static final long CHUNK_BYTES = TestChunks.META.byteSize();
    private static final int CAPACITY = 8;

    @RegisterExtension
    final LeakCheck leaks = new LeakCheck();

    private final List<CpuBackend> backends = new ArrayList<>();

    @AfterEach
    void closeBackends() {
        backends.forEach(CpuBackend::close);
    }

    @Test
    void chunkFromItsOwnMemoryIsKeptInPlace() {
        CpuBackend backend = open(EvictionPolicy.LRU);
        ChunkKey key = TestChunks.key(1);
        try (BufferLease lease = TestChunks.lease(backend.allocator(), key, TestChunks.META)) {
            assertThat(backend.put(key, TestChunks.META, lease).join()).isEqualTo(PutOutcome.stored());
            try (StoredChunk found = find(backend, key).orElseThrow()) {
                assertThat(TestChunks.hostSegment(found.lease()).address())
                        .isEqualTo(TestChunks.hostSegment(lease).address());
            }
        }
        assertThat(backend.allocator().usedBytes()).isEqualTo(CHUNK_BYTES);
    }

    @Test
    void chunkFromOtherMemoryIsCopiedOnce() {
        CpuBackend backend = open(EvictionPolicy.LRU);
        ChunkKey key = TestChunks.key(1);
        SlabAllocator other = leaks.hostAllocator("other", CHUNK_BYTES);
        try (BufferLease lease = TestChunks.lease(other, key, TestChunks.META)) {
            assertThat(backend.put(key, TestChunks.META, lease).join()).isEqualTo(PutOutcome.stored());
            assertThat(lease.isSole()).isTrue();
            TestChunks.hostSegment(lease).fill((byte) 0);
        }
        assertIntact(backend, key);
        assertThat(backend.allocator().usedBytes()).isEqualTo(CHUNK_BYTES);
    }

    @Test
    void deviceMemoryIsUnsupported() {
        CpuBackend backend = open(EvictionPolicy.LRU);
        DeviceBuffer onDevice = new DeviceBuffer(4096, CHUNK_BYTES, 0);
        SlabAllocator device = new SlabAllocator("device", onDevice, bytes -> {});
        try (BufferLease lease = device.tryAllocate(CHUNK_BYTES).orElseThrow()) {
            assertThat(backend.put(TestChunks.key(1), TestChunks.META, lease).join())
                    .isInstanceOfSatisfying(
                            PutOutcome.Declined.class,
                            declined -> assertThat(declined.reason()).isEqualTo(DeclineReason.UNSUPPORTED));
        }
    }

    @Test
    void lruEvictsTheLeastRecentlyUsed() {
        CpuBackend backend = full(EvictionPolicy.LRU);
        use(backend, 0);
        use(backend, 1);

        store(backend, 8);
        store(backend, 9);
        assertThat(held(backend, 10)).containsExactly(0, 1, 4, 5, 6, 7, 8, 9);
    }

    @Test
    void mruEvictsTheMostRecentlyUsed() {
        CpuBackend backend = full(EvictionPolicy.MRU);
        use(backend, 3);

        store(backend, 8);
        assertThat(held(backend, 9)).containsExactly(0, 1, 2, 4, 5, 6, 7, 8);
    }

    @Test
    void fifoEvictsTheFirstStoredHoweverMuchItIsUsed() {
        CpuBackend backend = full(EvictionPolicy.FIFO);
        use(backend, 0);
        use(backend, 1);

        store(backend, 8);
        store(backend, 9);
        assertThat(held(backend, 10)).containsExactly(2, 3, 4, 5, 6, 7, 8, 9);
    }

    @Test
    void lfuKeepsTheFrequentlyUsed() {
        CpuBackend backend = full(EvictionPolicy.LFU);
        for (int round = 0; round < 10; round++) {
            use(backend, 2);
            use(backend, 5);
        }
        for (int number = 8; number < 20; number++) {
            store(backend, number);
        }
        assertThat(held(backend, 20)).contains(2, 5).hasSize(CAPACITY);
    }

    @ParameterizedTest
    @EnumSource(EvictionPolicy.class)
    void evictsNoMoreThanIsNeeded(EvictionPolicy policy) {
        CpuBackend backend = full(policy);
        store(backend, 8);

        assertThat(backend.stats().chunks()).isEqualTo(CAPACITY);
        assertThat(backend.stats().count(BackendCounter.EVICTED)).isOne();
    }

    @Test
    void allocatingFromItsMemoryMakesRoom() {
        CpuBackend backend = full(EvictionPolicy.LRU);
        try (BufferLease lease =
                backend.allocator().tryAllocate(3 * CHUNK_BYTES).orElseThrow()) {
            assertThat(lease.isSole()).isTrue();
            assertThat(held(backend, CAPACITY)).containsExactly(3, 4, 5, 6, 7);
        }
    }

    @Test
    void chunkThatIsReadIsPassedOver() {
        CpuBackend backend = full(EvictionPolicy.FIFO);
        try (StoredChunk read = find(backend, TestChunks.key(0)).orElseThrow()) {
            store(backend, 8);
            TestChunks.requireIntact(TestChunks.key(0), TestChunks.hostSegment(read.lease()));
            assertThat(held(backend, 9)).containsExactly(0, 2, 3, 4, 5, 6, 7, 8);
        }
        store(backend, 9);
        assertThat(held(backend, 10)).containsExactly(2, 3, 4, 5, 6, 7, 8, 9);
    }

    @Test
    void whenEveryChunkIsInUseThereIsNoRoom() {
        CpuBackend backend = full(EvictionPolicy.LRU);
        List<ChunkPin> pins = new ArrayList<>();
        for (int number = 0; number < CAPACITY; number++) {
            pins.add(backend.tryPin(TestChunks.key(number)).orElseThrow());
        }
        SlabAllocator other = leaks.hostAllocator("other", CHUNK_BYTES);
        try (BufferLease lease = TestChunks.lease(other, TestChunks.key(8), TestChunks.META)) {
            assertThat(backend.put(TestChunks.key(8), TestChunks.META, lease).join())
                    .isInstanceOfSatisfying(
                            PutOutcome.Declined.class,
                            declined -> assertThat(declined.reason()).isEqualTo(DeclineReason.FULL));
        }
        assertThat(backend.allocator().tryAllocate(1)).isEmpty();
        pins.forEach(ChunkPin::close);
        store(backend, 8);
    }

    /** Writers evict what readers hold an instant later; a lost race would show as foreign bytes or as a leak. */
    @Test
    void readersAndWritersNeverMeetInOneBuffer() throws Exception {
        CpuBackend backend = open(EvictionPolicy.LRU);
        long seed = new Random().nextLong();
        List<Callable<Long>> tasks = new ArrayList<>();
        for (int thread = 0; thread < 4; thread++) {
            Random random = new Random(seed + thread);
            tasks.add(() -> hammer(backend, random));
        }
        long hits = 0;
        try (ExecutorService threads = Executors.newFixedThreadPool(tasks.size())) {
            for (Future<Long> task : threads.invokeAll(tasks, 30, TimeUnit.SECONDS)) {
                hits += task.get();
            }
        }
        assertThat(hits).as("hits with seed %d", seed).isPositive();
        backend.clear();
        assertThat(backend.stats().bytes()).isZero();
        assertThat(backend.allocator().usedBytes())
                .as("used with seed %d", seed)
                .isZero();
    }

    private static long hammer(CpuBackend backend, Random random) {
        long hits = 0;
        for (int step = 0; step < 2_000; step++) {
            ChunkKey key = TestChunks.key(random.nextInt(3 * CAPACITY));
            switch (random.nextInt(10)) {
                case 0 -> backend.tryInvalidate(key).join();
                case 1 -> backend.tryPin(key).ifPresent(ChunkPin::close);
                case 2, 3, 4 -> tryStore(backend, key);
                default -> hits += readIntact(backend, key);
            }
            assertThat(backend.stats().bytes()).isLessThanOrEqualTo(CAPACITY * CHUNK_BYTES);
        }
        return hits;
    }

    private static void tryStore(CpuBackend backend, ChunkKey key) {
        Optional<BufferLease> room = backend.allocator().tryAllocate(CHUNK_BYTES);
        if (room.isPresent()) {
            try (BufferLease lease = room.get()) {
                TestChunks.fill(key, TestChunks.hostSegment(lease));
                backend.put(key, TestChunks.META, lease).join();
            }
        }
    }

    private static int readIntact(CpuBackend backend, ChunkKey key) {
        Optional<StoredChunk> found = find(backend, key);
        if (found.isEmpty()) {
            return 0;
        }
        try (StoredChunk chunk = found.get()) {
            TestChunks.requireIntact(key, TestChunks.hostSegment(chunk.lease()));
        }
        return 1;
    }

    @Test
    void concurrentWritersOfAFullTierAllFindRoom() throws Exception {
        CpuBackend backend = open(EvictionPolicy.LRU);
        List<Callable<Boolean>> tasks = new ArrayList<>();
        for (int thread = 0; thread < 4; thread++) {
            int first = thread * 1_000;
            tasks.add(() -> {
                for (int number = first; number < first + 200; number++) {
                    store(backend, number);
                }
                return true;
            });
        }
        try (ExecutorService threads = Executors.newFixedThreadPool(tasks.size())) {
            for (Future<Boolean> task : threads.invokeAll(tasks, 30, TimeUnit.SECONDS)) {
                assertThat(task.get()).isTrue();
            }
        }
    }

    private CpuBackend open(EvictionPolicy policy) {
        CpuBackend backend = new CpuBackend(CAPACITY * CHUNK_BYTES, policy);
        leaks.watch(backend.allocator());
        backends.add(backend);
        return backend;
    }

    /** A backend that holds the chunks 0 to 7 and has no room left. */
    private CpuBackend full(EvictionPolicy policy) {
        CpuBackend backend = open(policy);
        for (int number = 0; number < CAPACITY; number++) {
            store(backend, number);
        }
        return backend;
    }

    private static void store(CpuBackend backend, int number) {
        ChunkKey key = TestChunks.key(number);
        try (BufferLease lease = TestChunks.lease(backend.allocator(), key, TestChunks.META)) {
            assertThat(backend.put(key, TestChunks.META, lease).join()).isEqualTo(PutOutcome.stored());
        }
    }

    private static void use(CpuBackend backend, int number) {
        find(backend, TestChunks.key(number)).orElseThrow().close();
    }

    private static Optional<StoredChunk> find(CpuBackend backend, ChunkKey key) {
        return backend.get(key, backend.allocator()).join();
    }

    private static void assertIntact(CpuBackend backend, ChunkKey key) {
        assertThat(readIntact(backend, key)).isEqualTo(1);
    }

    private static List<Integer> held(CpuBackend backend, int count) {
        List<Integer> held = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            if (backend.containsPrefix(List.of(TestChunks.key(number))).join() == 1) {
                held.add(number);
            }
        }
        return held;
    }
}
