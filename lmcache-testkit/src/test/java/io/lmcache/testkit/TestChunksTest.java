package io.lmcache.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ChunkKey;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class TestChunksTest {
    @Test
    void everyByteCounts() {
        ChunkKey key = TestChunks.key(1);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(37);
            TestChunks.fill(key, bytes);
            TestChunks.requireIntact(key, bytes);
            for (long offset = 0; offset < bytes.byteSize(); offset++) {
                flip(bytes, offset);
                assertThatThrownBy(() -> TestChunks.requireIntact(key, bytes))
                        .isInstanceOf(AssertionError.class)
                        .hasMessageContaining(key.text());
                flip(bytes, offset);
            }
        }
    }

    @Test
    void contentDependsOnTheWholeKey() {
        ChunkKey key = TestChunks.key(1);
        ChunkKey otherHash = TestChunks.key(2);
        ChunkKey otherScope = TestChunks.key(TestChunks.SCOPE.inWorld(2, 0), 1);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(64);
            TestChunks.fill(key, bytes);
            assertThatThrownBy(() -> TestChunks.requireIntact(otherHash, bytes)).isInstanceOf(AssertionError.class);
            assertThatThrownBy(() -> TestChunks.requireIntact(otherScope, bytes))
                    .isInstanceOf(AssertionError.class);
        }
    }

    @Test
    void keysAreDistinct() {
        assertThat(TestChunks.keys(10_000)).doesNotHaveDuplicates();
    }

    private static void flip(MemorySegment bytes, long offset) {
        byte old = bytes.get(ValueLayout.JAVA_BYTE, offset);
        bytes.set(ValueLayout.JAVA_BYTE, offset, (byte) (old ^ 1));
    }
}
