package io.lmcache.core.hash;

import io.lmcache.api.ChunkHash;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;

/**
 * The chain {@code sha256_cbor} of LMCache 0.5: SHA-256 over the canonical CBOR of [hash before, [tokens], []], folded to its
 * first 8 bytes, which the next chunk takes for an unsigned integer.
 *
 * <p>Two prompts of the same 64 bits would be each other's; who must keep tenants apart uses a longer hash. Thread-safe.
 */
public final class Sha256CborChunkHasher implements ChunkHasher {
    private final long start;

    /** A hasher whose chains begin with that seed. */
    public Sha256CborChunkHasher(HashSeed seed) {
        this.start = switch (seed) {
            case HashSeed.Fixed(long number) -> textHash(Long.toString(number));
            case HashSeed.Random _ -> new SecureRandom().nextLong();
            case HashSeed.Unseeded _ -> 0;
        };
    }

    private static long textHash(String text) {
        byte[] ascii = text.getBytes(StandardCharsets.US_ASCII);
        Message message = new Message(ascii.length);
        message.head(Message.TEXT, ascii.length);
        message.bytes.put(ascii);
        return message.hash();
    }

    @Override
    public List<ChunkHash> hash(IntBuffer tokens, int chunkSize) {
        return HashChain.over(tokens, chunkSize, maxTokens -> new Chain(start, maxTokens));
    }

    private static final class Chain implements HashChain {
        private static final int FIXED_ITEMS = 4;

        private final Message message;
        private long hash;

        private Chain(long start, int maxTokens) {
            hash = start;
            message = new Message(FIXED_ITEMS * Message.MAX_HEAD_BYTES + Message.MAX_TOKEN_BYTES * maxTokens);
        }

        @Override
        public ChunkHash next(IntBuffer tokens) {
            message.head(Message.ARRAY, 3);
            message.head(Message.UNSIGNED, hash);
            message.head(Message.ARRAY, tokens.remaining());
            while (tokens.hasRemaining()) {
                message.head(Message.UNSIGNED, tokens.get());
            }
            message.head(Message.ARRAY, 0);
            hash = message.hash();
            return ChunkHash.of(Arrays.copyOf(message.digest, Long.BYTES));
        }
    }

    /**
     * A message in the little of CBOR that the chain needs. Not by a library: Jackson's writes an unsigned integer of 64
     * bits as a bignum, which is another message, and those that write it take an object for every token.
     */
    private static final class Message {
        private static final int UNSIGNED = 0;
        private static final int TEXT = 3;
        private static final int ARRAY = 4;
        private static final int MAX_TOKEN_BYTES = 1 + Integer.BYTES;
        private static final int MAX_HEAD_BYTES = 1 + Long.BYTES;

        private final Sha256 sha256 = new Sha256();
        private final byte[] digest = new byte[Sha256.BYTES];
        private final ByteBuffer bytes;

        private Message(int maxBytes) {
            bytes = ByteBuffer.allocate(MAX_HEAD_BYTES + maxBytes);
        }

        /** Appends the head of an item: its major type, and its unsigned value in the fewest bytes. */
        private void head(int majorType, long value) {
            int type = majorType << 5;
            if (value < 0 || value > 0xffff_ffffL) {
                bytes.put((byte) (type | 27)).putLong(value);
            } else if (value > 0xffff) {
                bytes.put((byte) (type | 26)).putInt((int) value);
            } else if (value > 0xff) {
                bytes.put((byte) (type | 25)).putShort((short) value);
            } else if (value > 23) {
                bytes.put((byte) (type | 24)).put((byte) value);
            } else {
                bytes.put((byte) (type | (int) value));
            }
        }

        /** The folded hash of the message, which is empty afterwards. */
        private long hash() {
            sha256.digest(bytes.array(), 0, bytes.position(), digest);
            bytes.clear();
            return ByteBuffer.wrap(digest).getLong();
        }
    }

    @Override
    public String toString() {
        return "sha256_cbor";
    }
}
