package io.lmcache.core.hash;

import io.lmcache.api.ChunkHash;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.util.List;
import org.apache.commons.codec.digest.Blake3;

/**
 * The chain of LMCache's multiprocess mode: BLAKE3 over the 32 bytes of the hash before, followed by the tokens as unsigned
 * 32-bit big-endian integers. Before the first chunk stands the hash of twelve zero bytes.
 *
 * <p>Thread-safe.
 */
public final class Blake3ChunkHasher implements ChunkHasher {
    private static final int HASH_BYTES = 32;
    private static final int START_BYTES = Long.BYTES + Integer.BYTES;

    private final byte[] start = new byte[HASH_BYTES];

    /** The hasher; one is enough for all. */
    public Blake3ChunkHasher() {
        Blake3.initHash().update(new byte[START_BYTES]).doFinalize(start);
    }

    @Override
    public List<ChunkHash> hash(IntBuffer tokens, int chunkSize) {
        return HashChain.over(tokens, chunkSize, maxTokens -> new Chain(start, maxTokens));
    }

    private static final class Chain implements HashChain {
        private final Blake3 blake3 = Blake3.initHash();
        private final byte[] hash;
        private final byte[] tokenBytes;
        private final IntBuffer tokenPart;

        private Chain(byte[] start, int maxTokens) {
            hash = start.clone();
            tokenBytes = new byte[Integer.BYTES * maxTokens];
            tokenPart = ByteBuffer.wrap(tokenBytes).asIntBuffer();
        }

        @Override
        public ChunkHash next(IntBuffer tokens) {
            int length = tokens.remaining();
            tokenPart.put(0, tokens, tokens.position(), length);
            blake3.reset()
                    .update(hash)
                    .update(tokenBytes, 0, Integer.BYTES * length)
                    .doFinalize(hash);
            return ChunkHash.of(hash);
        }
    }

    @Override
    public String toString() {
        return "blake3";
    }
}
