package io.lmcache.core.hash;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkHash;
import java.nio.IntBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The expected hashes were made by the Python package cbor2. */
class Sha256CborChunkHasherTest {
    @Test
    void chainsAsLmcache05Does() {
        assertThat(hashes(new HashSeed.Fixed(0), TestTokens.range(0, 600), 256))
                .containsExactly("b8a960cfcc69e7a5", "cc309e143d545625", "664d96c3d347af0f");
    }

    @Test
    void beginsWithTheSeedsText() {
        assertThat(hashes(new HashSeed.Fixed(42), TestTokens.range(0, 600), 256))
                .containsExactly("0bc2f72bd16a94d9", "e65635760d678d1e", "d5a9a9af2da37ced");
        assertThat(hashes(new HashSeed.Fixed(HashSeed.MAX_NUMBER), TestTokens.range(0, 256), 256))
                .containsExactly("3cf7d532edb493e9");
    }

    @Test
    void beginsWithZeroWithoutASeed() {
        assertThat(hashes(new HashSeed.Unseeded(), TestTokens.range(0, 512), 256))
                .containsExactly("ffc58acb88244190", "6d46bded3cc7e749");
    }

    @Test
    void beginsWithSomethingElseEveryTimeWhenTheSeedIsRandom() {
        assertThat(hashes(new HashSeed.Random(), TestTokens.range(0, 256), 256))
                .isNotEqualTo(hashes(new HashSeed.Random(), TestTokens.range(0, 256), 256));
    }

    @Test
    void tokensTakeTheFewestBytes() {
        IntBuffer tokens = TestTokens.of(0, 23, 24, 255, 256, 65535, 65536, Integer.MAX_VALUE, 128255);
        assertThat(hashes(new HashSeed.Fixed(0), tokens, 3))
                .containsExactly("c9f0d9d6853e09ff", "a6013a786cbf4e9e", "9bfedf9820e4b71e");
    }

    @Test
    void lengthsTakeTheFewestBytes() {
        assertThat(hashes(new HashSeed.Fixed(0), TestTokens.range(0, 23), 23)).containsExactly("c1a1a3342b1f7812");
        assertThat(hashes(new HashSeed.Fixed(0), TestTokens.range(0, 24), 24)).containsExactly("31ea79640d681022");
        assertThat(hashes(new HashSeed.Fixed(0), TestTokens.range(0, 300), 300)).containsExactly("a25a1e92788f6a17");
        assertThat(hashes(new HashSeed.Fixed(0), TestTokens.range(0, 70_000), 70_000))
                .containsExactly("63dae9d330d21445");
    }

    private static List<String> hashes(HashSeed seed, IntBuffer tokens, int chunkSize) {
        return new Sha256CborChunkHasher(seed)
                .hash(tokens, chunkSize).stream().map(ChunkHash::hex).toList();
    }
}
