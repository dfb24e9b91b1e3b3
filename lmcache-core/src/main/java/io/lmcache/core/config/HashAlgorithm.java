package io.lmcache.core.config;

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

    /** Whether its chains begin with a {@link io.lmcache.core.hash.HashSeed}. */
    public boolean isSeeded() {
        return switch (this) {
            case SHA256_CBOR, BUILTIN -> true;
            case SHA256, BLAKE3 -> false;
        };
    }
}
