package io.lmcache.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.testkit.TestChunks;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How much of the Java heap an index entry takes, with everything that hangs on it. */
@Tag("slow")
class CpuBackendHeapTest {
    private static final Logger LOG = LoggerFactory.getLogger(CpuBackendHeapTest.class);
    private static final int CHUNKS = 200_000;
    private static final long SLOT_BYTES = 4096;
    private static final ChunkMeta META = new ChunkMeta(KvLayout.mla(KvDtype.UINT8, 1, 16), 256);
    private static final KeyScope SCOPE = KeyScope.of("model", META.layout());

    /** With assertions allocators remember where each lease was taken; that is for tests, and none of what counts. */
    @BeforeEach
    void leasesAreNotTraced() {
        traceLeases(false);
    }

    @AfterEach
    void leasesAreTracedAgain() {
        traceLeases(true);
    }

    private static void traceLeases(boolean trace) {
        CpuBackendHeapTest.class.getClassLoader().setClassAssertionStatus(SlabAllocator.class.getName(), trace);
    }

    @ParameterizedTest
    @EnumSource(EvictionPolicy.class)
    void chunkTakesLessThan400BytesOfHeap(EvictionPolicy policy) {
        try (CpuBackend backend = new CpuBackend(CHUNKS * SLOT_BYTES, policy)) {
            long before = heapInUse();
            for (int number = 0; number < CHUNKS; number++) {
                store(backend, number);
            }
            long perChunk = (heapInUse() - before) / CHUNKS;

            assertThat(backend.stats().chunks()).isEqualTo(CHUNKS);
            LOG.info("{}: {} heap bytes a chunk", policy, perChunk);
            assertThat(perChunk).as("heap bytes a chunk").isBetween(1L, 399L);
        }
    }

    private static void store(CpuBackend backend, int number) {
        // A key and a meta of its own each, as a caller makes them; the scope is shared.
        ChunkKey key = TestChunks.key(SCOPE, number);
        ChunkMeta meta = new ChunkMeta(META.layout(), META.tokens());
        try (BufferLease lease =
                backend.allocator().tryAllocate(META.byteSize()).orElseThrow()) {
            assertThat(backend.put(key, meta, lease).join()).isEqualTo(PutOutcome.stored());
        }
    }

    /** After a collection that leaves nothing to finish. */
    private static long heapInUse() {
        Runtime runtime = Runtime.getRuntime();
        long used = Long.MAX_VALUE;
        for (int round = 0; round < 5; round++) {
            System.gc();
            used = Math.min(used, runtime.totalMemory() - runtime.freeMemory());
        }
        return used;
    }
}
