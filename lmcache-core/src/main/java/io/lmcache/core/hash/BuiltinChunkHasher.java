package io.lmcache.core.hash;

import io.lmcache.api.ChunkHash;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.security.SecureRandom;
import java.util.List;

/**
 * The chain {@code builtin} of LMCache 0.5: Python's own hash of (hash before, (tokens), ()), a signed 64-bit integer whose
 * two's complement is the chunk hash.
 *
 * <p>Made for dictionaries: who chooses prompts can make two of the same hash, and then read the other's KV. For sharing with
 * LMCache among people who trust each other. Thread-safe.
 */
public final class BuiltinChunkHasher implements ChunkHasher {
    private final long start;

    /** A hasher whose chains begin with that seed. */
    public BuiltinChunkHasher(HashSeed seed) {
        this.start = switch (seed) {
            case HashSeed.Fixed(long number) -> PythonHash.ofText(Long.toString(number), number);
            case HashSeed.Random _ -> new SecureRandom().nextLong();
            case HashSeed.Unseeded _ -> 0;
        };
    }

    @Override
    public List<ChunkHash> hash(IntBuffer tokens, int chunkSize) {
        return HashChain.over(tokens, chunkSize, _ -> new Chain(start));
    }

    private static final class Chain implements HashChain {
        private final ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES);
        private long hash;

        private Chain(long start) {
            hash = start;
        }

        @Override
        public ChunkHash next(IntBuffer tokens) {
            hash = PythonHash.ofTriple(PythonHash.ofInteger(hash), PythonHash.ofTokens(tokens), PythonHash.EMPTY_TUPLE);
            return ChunkHash.of(bytes.putLong(0, hash).array());
        }
    }

    @Override
    public String toString() {
        return "builtin";
    }
}
