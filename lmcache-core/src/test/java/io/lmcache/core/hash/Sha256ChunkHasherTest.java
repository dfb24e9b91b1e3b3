package io.lmcache.core.hash;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class Sha256ChunkHasherTest {
    private final ChunkHasher hasher = new Sha256ChunkHasher();

    @Test
    void chainsAsLmcache032Does() {
        assertThat(hasher.hash(tokens(0, 600), 256))
                .extracting(ChunkHash::hex)
                .containsExactly(
                        "8808405eec6fbe306fe3369f88daed79dd5613ddbb5e801f632b01d6218c5f08",
                        "dbae33ee1bee4f1e12ac7a0dd1197e46648b8d9d9d908577a53fd38741bcf119",
                        "41e49e3071f70d88ca65fe84ea1b70bb9365bffc1dd0f71f698a839f6b7c2676");
    }

    @Test
    void aDifferenceInTheFirstTokenChangesEveryHash() {
        IntBuffer other = tokens(0, 512).put(0, 7);
        assertThat(hasher.hash(other, 256)).doesNotContainAnyElementsOf(hasher.hash(tokens(0, 512), 256));
    }

    @Test
    void readsFromPositionToLimitAndLeavesThemAlone() {
        IntBuffer window = tokens(-3, 300).position(3).limit(259);
        assertThat(hasher.hash(window, 256)).isEqualTo(hasher.hash(tokens(0, 256), 256));
        assertThat(window.position()).isEqualTo(3);
        assertThat(window.limit()).isEqualTo(259);
    }

    @Test
    void directBuffersOfEitherByteOrderHashAsArraysDo() {
        for (ByteOrder order : new ByteOrder[] {ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN}) {
            IntBuffer direct = ByteBuffer.allocateDirect(4 * 300).order(order).asIntBuffer();
            direct.put(tokens(0, 300)).flip();
            assertThat(hasher.hash(direct, 256)).isEqualTo(hasher.hash(tokens(0, 300), 256));
        }
    }

    @Test
    void anEmptyPromptHasNoChunk() {
        assertThat(hasher.hash(IntBuffer.allocate(0), 256)).isEmpty();
    }

    @Test
    void aMillionTokensAreCutIntoAllTheirChunks() {
        assertThat(hasher.hash(tokens(0, 1_000_000), 256)).hasSize(3907).doesNotHaveDuplicates();
    }

    @Test
    void aNegativeTokenIsNamedWithItsIndex() {
        IntBuffer tokens = tokens(0, 600).put(257, -5);
        assertThatThrownBy(() -> hasher.hash(tokens, 256))
                .isInstanceOf(LmcacheException.class)
                .hasFieldOrPropertyWithValue("code", ErrorCode.INVALID_ARGUMENT)
                .hasMessageContaining("-5")
                .hasMessageContaining("index 257");
    }

    @Test
    void theLargestTokenIdIsLegal() {
        assertThat(hasher.hash(IntBuffer.wrap(new int[] {Integer.MAX_VALUE}), 256))
                .hasSize(1);
    }

    private static IntBuffer tokens(int from, int count) {
        return IntBuffer.wrap(IntStream.range(from, from + count).toArray());
    }
}
