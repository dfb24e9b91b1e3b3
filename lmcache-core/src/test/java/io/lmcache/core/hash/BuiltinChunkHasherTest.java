package io.lmcache.core.hash;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkHash;
import java.nio.IntBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The expected hashes were made by CPython 3.11. */
class BuiltinChunkHasherTest {
    @Test
    void chainsAsLmcache05Does() {
        assertThat(hashes(new HashSeed.Fixed(0), TestTokens.range(0, 600), 256))
                .containsExactly("5f05dec65811b7cc", "f523ccc46155f1bb", "0948c07b0205483b");
    }

    @Test
    void beginsWithWhatPythonMakesOfTheSeed() {
        assertThat(hashes(new HashSeed.Fixed(1), TestTokens.range(0, 600), 256))
                .containsExactly("52d7857c85f1fc56", "17efcbd77ac2ec87", "a423f280b016e4b9");
        assertThat(hashes(new HashSeed.Fixed(42), TestTokens.range(0, 600), 256))
                .containsExactly("5b876ee5b19a889d", "1a4b3c2c9df2465a", "cb177c0dac2d1fde");
        assertThat(hashes(new HashSeed.Fixed(HashSeed.MAX_NUMBER), TestTokens.range(0, 600), 256))
                .containsExactly("34a0fdf98b7691eb", "67c2b11a092f970e", "7cbdf36013f5f14e");
    }

    @Test
    void beginsWithZeroWithoutASeed() {
        assertThat(hashes(new HashSeed.Unseeded(), TestTokens.range(0, 512), 256))
                .containsExactly("2b763dd00afa89c8", "79e62c807b48385b");
    }

    @Test
    void beginsWithSomethingElseEveryTimeWhenTheSeedIsRandom() {
        assertThat(hashes(new HashSeed.Random(), TestTokens.range(0, 256), 256))
                .isNotEqualTo(hashes(new HashSeed.Random(), TestTokens.range(0, 256), 256));
    }

    @Test
    void takesTokensOfEverySize() {
        IntBuffer tokens = TestTokens.of(0, 1, Integer.MAX_VALUE, 128255, 1 << 30);
        assertThat(hashes(new HashSeed.Fixed(0), tokens, 3)).containsExactly("5065a56b56bc5354", "efc8477a3ccf4205");
        assertThat(hashes(new HashSeed.Fixed(42), tokens, 3)).containsExactly("ba620803fd6e53b6", "e37cde77edb45fbe");
    }

    @Test
    void integersAreTakenModuloPythonsPrime() {
        assertThat(PythonHash.ofInteger(Long.MAX_VALUE)).isEqualTo(3);
        assertThat(PythonHash.ofInteger(Long.MIN_VALUE)).isEqualTo(-4);
        assertThat(PythonHash.ofInteger((1L << 61) - 1)).isZero();
        assertThat(PythonHash.ofInteger(-(1L << 61))).isEqualTo(-2);
        assertThat(PythonHash.ofInteger(-1)).isEqualTo(-2);
        assertThat(PythonHash.ofInteger(-3)).isEqualTo(-3);
    }

    private static List<String> hashes(HashSeed seed, IntBuffer tokens, int chunkSize) {
        return new BuiltinChunkHasher(seed)
                .hash(tokens, chunkSize).stream().map(ChunkHash::hex).toList();
    }
}
