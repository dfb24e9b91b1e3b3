package io.lmcache.core.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.MemoryDomain;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class HostKvTensorTest {
    private static final int CAPACITY = 40;
    private static final long SEED = 42;

    static Stream<KvLayout> layouts() {
        return Stream.of(KvDtype.values())
                .flatMap(dtype -> Stream.of(KvLayout.kv(dtype, 3, 2, 5), KvLayout.mla(dtype, 4, 7)));
    }

    @ParameterizedTest
    @MethodSource("layouts")
    void everyElementGoesWhereTheLayoutSays(KvLayout layout) {
        TokenRange range = new TokenRange(10, 26);
        byte[] engine = random(layout.chunkBytes(CAPACITY));
        HostKvTensor tensor = new HostKvTensor(layout, MemorySegment.ofArray(engine), CAPACITY);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment chunk = arena.allocate(layout.chunkBytes(range.length()));
            tensor.fill(range, new HostBuffer(chunk));
            int elementBytes = layout.dtype().bytes();
            for (int row = 0; row < layout.format().planes() * layout.layers(); row++) {
                for (int token = 0; token < range.length(); token++) {
                    for (int i = 0; i < layout.hiddenSize() * elementBytes; i++) {
                        int width = layout.hiddenSize() * elementBytes;
                        int inChunk = (row * range.length() + token) * width + i;
                        int inEngine = (row * CAPACITY + range.start() + token) * width + i;
                        assertThat(chunk.get(ValueLayout.JAVA_BYTE, inChunk)).isEqualTo(engine[inEngine]);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("layouts")
    void whatIsTakenBackIsWhatWasGivenAndNothingElseChanges(KvLayout layout) {
        TokenRange range = new TokenRange(7, 30);
        byte[] original = random(layout.chunkBytes(CAPACITY));
        byte[] restored = original.clone();
        try (Arena arena = Arena.ofConfined()) {
            HostBuffer chunk = new HostBuffer(arena.allocate(layout.chunkBytes(range.length())));
            new HostKvTensor(layout, MemorySegment.ofArray(original), CAPACITY).fill(range, chunk);
            HostKvTensor target = new HostKvTensor(layout, MemorySegment.ofArray(restored), CAPACITY);
            target.accept(range, chunk);
            assertThat(restored).isEqualTo(original);
            // Wrong bytes within the range, and only there, are seen.
            chunk.segment().fill((byte) 0x5a);
            target.accept(range, chunk);
            assertThat(changedTokens(layout, original, restored)).isSubsetOf(tokensOf(range));
        }
    }

    @Test
    void aByteBufferIsReadFromPositionToLimit() {
        KvLayout layout = KvLayout.mla(KvDtype.INT8, 1, 4);
        ByteBuffer engine = ByteBuffer.allocateDirect(4 + 4 * 8 + 4);
        for (int i = 0; i < engine.capacity(); i++) {
            engine.put(i, (byte) i);
        }
        engine.position(4).limit(4 + 4 * 8);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment chunk = arena.allocate(4 * 2);
            HostKvTensor.of(layout, engine, 8).fill(new TokenRange(1, 3), new HostBuffer(chunk));
            assertThat(chunk.toArray(ValueLayout.JAVA_BYTE)).containsExactly(8, 9, 10, 11, 12, 13, 14, 15);
        }
    }

    @Test
    void whatFollowsTheTensorInLargerMemoryStaysAsItIs() {
        KvLayout layout = KvLayout.kv(KvDtype.INT8, 2, 1, 4);
        byte[] engine = new byte[Math.toIntExact(layout.chunkBytes(8)) + 100];
        try (Arena arena = Arena.ofConfined()) {
            HostBuffer chunk = new HostBuffer(arena.allocate(layout.chunkBytes(8)));
            chunk.segment().fill((byte) 1);
            new HostKvTensor(layout, MemorySegment.ofArray(engine), 8).accept(new TokenRange(0, 8), chunk);
        }
        int end = Math.toIntExact(layout.chunkBytes(8));
        assertThat(Arrays.copyOfRange(engine, 0, end)).containsOnly(1);
        assertThat(Arrays.copyOfRange(engine, end, engine.length)).containsOnly(0);
    }

    @Test
    void memoryThatIsTooSmallIsRefused() {
        KvLayout layout = KvLayout.kv(KvDtype.HALF, 2, 2, 8);
        assertThatThrownBy(() -> new HostKvTensor(layout, MemorySegment.ofArray(new byte[100]), 4))
                .isInstanceOf(LmcacheException.class)
                .hasFieldOrPropertyWithValue("code", ErrorCode.LAYOUT_MISMATCH)
                .hasMessageContaining("512")
                .hasMessageContaining("100");
    }

    @Test
    void tokensBeyondTheTensorLeaveItUntouched() {
        KvLayout layout = KvLayout.mla(KvDtype.INT8, 1, 4);
        byte[] engine = new byte[4 * 8];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment chunk = arena.allocate(4 * 8);
            chunk.fill((byte) 1);
            assertThatThrownBy(() -> new HostKvTensor(layout, MemorySegment.ofArray(engine), 8)
                            .accept(new TokenRange(4, 12), new HostBuffer(chunk)))
                    .hasFieldOrPropertyWithValue("code", ErrorCode.LAYOUT_MISMATCH);
        }
        assertThat(engine).containsOnly(0);
    }

    @Test
    void takesHostMemoryOnly() {
        KvLayout layout = KvLayout.mla(KvDtype.INT8, 1, 4);
        HostKvTensor tensor = new HostKvTensor(layout, MemorySegment.ofArray(new byte[32]), 8);
        assertThat(tensor.accepts(MemoryDomain.HOST)).isTrue();
        assertThat(tensor.accepts(MemoryDomain.DEVICE)).isFalse();
        assertThatThrownBy(() -> tensor.fill(new TokenRange(0, 8), new DeviceBuffer(4096, 32, 0)))
                .hasFieldOrPropertyWithValue("code", ErrorCode.LAYOUT_MISMATCH);
    }

    private static byte[] random(long bytes) {
        byte[] data = new byte[Math.toIntExact(bytes)];
        new SplittableRandom(SEED).nextBytes(data);
        return data;
    }

    private static Set<Integer> tokensOf(TokenRange range) {
        return IntStream.range(range.start(), range.end()).boxed().collect(Collectors.toSet());
    }

    private static Set<Integer> changedTokens(KvLayout layout, byte[] before, byte[] after) {
        Set<Integer> changed = new TreeSet<>();
        int width = layout.hiddenSize() * layout.dtype().bytes();
        for (int i = 0; i < before.length; i++) {
            if (before[i] != after[i]) {
                changed.add(i / width % CAPACITY);
            }
        }
        return changed;
    }
}
