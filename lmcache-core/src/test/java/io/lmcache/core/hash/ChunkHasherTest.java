package io.lmcache.core.hash;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** What every hasher has to do, whatever its chain. */
@ParameterizedClass
@MethodSource("hashers")
class ChunkHasherTest {
    private final ChunkHasher hasher;

    ChunkHasherTest(ChunkHasher hasher) {
        this.hasher = hasher;
    }

    static Stream<ChunkHasher> hashers() {
        return Stream.of(
                new Sha256ChunkHasher(),
                new Sha256CborChunkHasher(new HashSeed.Fixed(0)),
                new BuiltinChunkHasher(new HashSeed.Random()),
                new Blake3ChunkHasher());
    }

    @Test
    void aDifferenceInTheFirstTokenChangesEveryHash() {
        IntBuffer other = TestTokens.range(0, 512).put(0, 7);
        assertThat(hasher.hash(other, 256)).doesNotContainAnyElementsOf(hasher.hash(TestTokens.range(0, 512), 256));
    }

    @Test
    void readsFromPositionToLimitAndLeavesThemAlone() {
        IntBuffer window = TestTokens.range(-3, 300).position(3).limit(259);
        assertThat(hasher.hash(window, 256)).isEqualTo(hasher.hash(TestTokens.range(0, 256), 256));
        assertThat(window.position()).isEqualTo(3);
        assertThat(window.limit()).isEqualTo(259);
    }

    @Test
    void directBuffersOfEitherByteOrderHashAsArraysDo() {
        for (ByteOrder order : new ByteOrder[] {ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN}) {
            IntBuffer direct = ByteBuffer.allocateDirect(4 * 300).order(order).asIntBuffer();
            direct.put(TestTokens.range(0, 300)).flip();
            assertThat(hasher.hash(direct, 256)).isEqualTo(hasher.hash(TestTokens.range(0, 300), 256));
        }
    }

    @Test
    void anEmptyPromptHasNoChunk() {
        assertThat(hasher.hash(IntBuffer.allocate(0), 256)).isEmpty();
    }

    @Test
    void aMillionTokensAreCutIntoAllTheirChunks() {
        assertThat(hasher.hash(TestTokens.range(0, 1_000_000), 256))
                .hasSize(3907)
                .doesNotHaveDuplicates();
    }

    @Test
    void aNegativeTokenIsNamedWithItsIndex() {
        IntBuffer tokens = TestTokens.range(0, 600).put(257, -5);
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

    @Test
    void hashesOfAPrefixAreAPrefixOfTheHashes() {
        List<ChunkHash> all = hasher.hash(TestTokens.range(0, 600), 256);
        assertThat(hasher.hash(TestTokens.range(0, 512), 256)).isEqualTo(all.subList(0, 2));
        assertThat(hasher.hash(TestTokens.range(0, 600), 256)).isEqualTo(all);
    }
}
