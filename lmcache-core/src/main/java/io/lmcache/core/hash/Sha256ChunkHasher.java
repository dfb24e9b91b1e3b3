package io.lmcache.core.hash;

import io.lmcache.api.ChunkHash;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.List;

/**
 * The chain of LMCache 0.3.1 and 0.3.2: SHA-256 over the lower-case hex text of the hash before, empty for the first
 * chunk, followed by the tokens as unsigned 32-bit little-endian integers.
 *
 * <p>Thread-safe.
 */
public final class Sha256ChunkHasher implements ChunkHasher {
    private static final int HEX_BYTES = 2 * Sha256.BYTES;
    private static final byte[] HEX_DIGITS = {
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'
    };

    /** The hasher; one is enough for all. */
    public Sha256ChunkHasher() {}

    @Override
    public List<ChunkHash> hash(IntBuffer tokens, int chunkSize) {
        return HashChain.over(tokens, chunkSize, Chain::new);
    }

    private static final class Chain implements HashChain {
        private final Sha256 sha256 = new Sha256();
        private final byte[] digest = new byte[Sha256.BYTES];
        // The message of every chunk is put together in place: text of the hash before, then tokens.
        private final byte[] message;
        private final IntBuffer tokenPart;
        private int from = HEX_BYTES;

        private Chain(int maxTokens) {
            message = new byte[HEX_BYTES + Integer.BYTES * maxTokens];
            tokenPart = ByteBuffer.wrap(message)
                    .position(HEX_BYTES)
                    .slice()
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asIntBuffer();
        }

        @Override
        public ChunkHash next(IntBuffer tokens) {
            int length = tokens.remaining();
            tokenPart.put(0, tokens, tokens.position(), length);
            sha256.digest(message, from, HEX_BYTES + Integer.BYTES * length, digest);
            writeHex();
            from = 0;
            return ChunkHash.of(digest);
        }

        private void writeHex() {
            for (int i = 0; i < Sha256.BYTES; i++) {
                message[2 * i] = HEX_DIGITS[(digest[i] >> 4) & 0xf];
                message[2 * i + 1] = HEX_DIGITS[digest[i] & 0xf];
            }
        }
    }

    @Override
    public String toString() {
        return "sha256";
    }
}
