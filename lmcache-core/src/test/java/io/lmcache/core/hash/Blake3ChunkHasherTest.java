package io.lmcache.core.hash;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkHash;
import org.junit.jupiter.api.Test;

/** The expected hashes were made by the Python package blake3. */
class Blake3ChunkHasherTest {
    @Test
    void chainsAsLmcachesMultiprocessModeDoes() {
        assertThat(new Blake3ChunkHasher().hash(TestTokens.range(0, 600), 256))
                .extracting(ChunkHash::hex)
                .containsExactly(
                        "084547b6c40ed5b05ba8cd0305db5bf74d5617673948d9ed193ab7d6cbc484d4",
                        "e5ffee45c2b9db326814c9692dc594369887ba3b0df5761817820b60f864c8e0",
                        "05949c4dbf92218b5c3ffcf44e11e64e947cb59b1117d3b47d6ef9e1596ef34c");
    }
}
