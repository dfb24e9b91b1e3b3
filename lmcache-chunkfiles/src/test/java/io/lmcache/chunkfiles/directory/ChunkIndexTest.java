package io.lmcache.chunkfiles.directory;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.testkit.TestChunks;
import org.junit.jupiter.api.Test;

class ChunkIndexTest {
    private static final int MANY = 200_000;

    @Test
    void countsWhatItKnows() {
        ChunkIndex index = new ChunkIndex(100);
        index.add("a", 0, 10, 0);
        index.add("a", 0, 10, 0);
        index.add("b", 0, 20, 0);
        index.remove("a");
        index.remove("c");
        assertThat(index.contains("a")).isFalse();
        assertThat(index.contains("b")).isTrue();
        assertThat(index.chunks()).isEqualTo(1);
        assertThat(index.payloadBytes()).isEqualTo(20);
    }

    @Test
    void whatDoesNotFitIsForgottenAndNotCounted() {
        ChunkIndex index = new ChunkIndex(10);
        for (int i = 0; i < 1000; i++) {
            index.add("chunk" + i, 0, 7, 0);
        }
        assertThat(index.chunks()).isBetween(1L, 10L);
        assertThat(index.payloadBytes()).isEqualTo(7 * index.chunks());
    }

    @Test
    void lastUseIsClaimedOncePerInterval() {
        ChunkIndex index = new ChunkIndex(10);
        index.add("a", 0, 1, 1000);
        assertThat(index.claimTouch("a", 1059, 60)).isFalse();
        assertThat(index.claimTouch("a", 1060, 60)).isTrue();
        assertThat(index.claimTouch("a", 1061, 60)).isFalse();
        assertThat(index.claimTouch("unknown", 1061, 60)).isFalse();
    }

    @Test
    void entryTakesNoMoreHeapThanItsBound() {
        // A long name: LMCache's have the model's in them.
        KeyScope scope = KeyScope.of("m".repeat(138), TestChunks.LAYOUT);
        ChunkFileFormat format = FileFormat.LMCACHE_0_5.create(true, true);
        assertThat(nameOf(format, TestChunks.key(scope, 0)).length()).isGreaterThan(240);
        long before = usedHeap();
        ChunkIndex index = new ChunkIndex(MANY);
        for (int i = 0; i < MANY; i++) {
            index.add(nameOf(format, TestChunks.key(scope, i)), 0, 1 << 20, 0);
        }
        long perEntry = (usedHeap() - before) / MANY;

        assertThat(index.chunks()).isEqualTo(MANY);
        assertThat(perEntry).isBetween(100L, (long) ChunkIndex.MAX_BYTES_PER_ENTRY);
    }

    private static String nameOf(ChunkFileFormat format, ChunkKey key) {
        return ((ChunkName.Below) format.name(key)).path();
    }

    private static long usedHeap() {
        System.gc();
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }
}
