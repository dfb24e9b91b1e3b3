package io.lmcache.core.config;

import static io.lmcache.core.config.HashAlgorithm.BUILTIN;
import static io.lmcache.core.config.HashAlgorithm.SHA256;
import static io.lmcache.core.config.HashAlgorithm.SHA256_CBOR;

import java.util.List;

/** What the files of the file tier are like. Immutable and thread-safe. */
public enum FileFormat {
    /** This library's own. */
    NATIVE,
    /** Those of LMCache 0.3.1 and 0.3.2. */
    LMCACHE_0_3_2,
    /** Those of LMCache 0.5. */
    LMCACHE_0_5;

    /** The hashes by which whoever defined the format names chunks, the usual one first. */
    List<HashAlgorithm> hashes() {
        return switch (this) {
            case NATIVE -> List.of(HashAlgorithm.values());
            case LMCACHE_0_3_2 -> List.of(SHA256);
            case LMCACHE_0_5 -> List.of(BUILTIN, SHA256_CBOR);
        };
    }
}
