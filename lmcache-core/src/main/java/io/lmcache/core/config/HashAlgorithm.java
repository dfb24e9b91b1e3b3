package io.lmcache.core.config;

import java.util.List;

/** Which hash names chunks. Immutable and thread-safe. */
public enum HashAlgorithm {
    /** The chain of LMCache 0.3.2. */
    SHA256,
    /** A chain of LMCache 0.5, folded to 64 bits. */
    SHA256_CBOR,
    /** The default chain of LMCache 0.5: Python's own hash, of 64 bits. */
    BUILTIN,
    /** The chain of LMCache's multiprocess mode. */
    BLAKE3;

    /**
     * The hashes by which whoever defined a format of files names chunks, the usual one first.
     *
     * @param fileFormat the value of the option file_format
     */
    static List<HashAlgorithm> thatName(String fileFormat) {
        return switch (fileFormat) {
            case "lmcache_0_3_2" -> List.of(SHA256);
            case "lmcache_0_5" -> List.of(BUILTIN, SHA256_CBOR);
            default -> List.of(values());
        };
    }

    /** Whether its chains begin with a {@link io.lmcache.core.hash.HashSeed}. */
    public boolean isSeeded() {
        return switch (this) {
            case SHA256_CBOR, BUILTIN -> true;
            case SHA256, BLAKE3 -> false;
        };
    }
}
