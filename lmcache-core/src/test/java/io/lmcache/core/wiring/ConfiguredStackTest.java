package io.lmcache.core.wiring;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.core.config.LmcacheConfig;
import java.nio.IntBuffer;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfiguredStackTest {
    @ParameterizedTest
    @CsvSource({
        "sha256, 0, 8808405eec6fbe306fe3369f88daed79dd5613ddbb5e801f632b01d6218c5f08",
        "sha256_cbor, 0, b8a960cfcc69e7a5",
        "sha256_cbor, unseeded, ffc58acb88244190",
        "builtin, 0, 5f05dec65811b7cc",
        "builtin, unseeded, 2b763dd00afa89c8",
        "blake3, 0, 084547b6c40ed5b05ba8cd0305db5bf74d5617673948d9ed193ab7d6cbc484d4"
    })
    void chunksAreNamedByTheConfiguredHash(String algorithm, String seed, String hash) {
        LmcacheConfig config = LmcacheConfig.of(Map.of("pre_caching_hash_algorithm", algorithm, "hash_seed", seed));
        IntBuffer tokens = IntBuffer.wrap(IntStream.range(0, 256).toArray());
        assertThat(ConfiguredStack.hasher(config).hash(tokens, 256))
                .singleElement()
                .satisfies(found -> assertThat(found.hex()).isEqualTo(hash));
    }
}
