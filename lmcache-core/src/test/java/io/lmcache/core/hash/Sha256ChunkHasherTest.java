package io.lmcache.core.hash;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkHash;
import org.junit.jupiter.api.Test;

class Sha256ChunkHasherTest {
    @Test
    void chainsAsLmcache032Does() {
        assertThat(new Sha256ChunkHasher().hash(TestTokens.range(0, 600), 256))
                .extracting(ChunkHash::hex)
                .containsExactly(
                        "8808405eec6fbe306fe3369f88daed79dd5613ddbb5e801f632b01d6218c5f08",
                        "dbae33ee1bee4f1e12ac7a0dd1197e46648b8d9d9d908577a53fd38741bcf119",
                        "41e49e3071f70d88ca65fe84ea1b70bb9365bffc1dd0f71f698a839f6b7c2676");
    }
}
