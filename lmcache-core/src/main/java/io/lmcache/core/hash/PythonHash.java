package io.lmcache.core.hash;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;

/** What {@code hash()} of 64-bit CPython from 3.11 on returns. Stateless and thread-safe. */
final class PythonHash {
    /** Of {@code ()}. */
    static final long EMPTY_TUPLE = 5740354900026072187L;

    private static final long INTEGER_MODULUS = (1L << 61) - 1;
    private static final long PRIME_1 = 0x9E3779B185EBCA87L;
    private static final long PRIME_2 = 0xC2B2AE3D27D4EB4FL;
    private static final long PRIME_5 = 0x27D4EB2F165667C5L;
    private static final long LENGTH_MIX = PRIME_5 ^ 3527539;
    private static final long INSTEAD_OF_ALL_ONES = 1546275796;

    private PythonHash() {}

    /** Of an integer. */
    static long ofInteger(long value) {
        // The remainder of the magnitude, which of the smallest value is no signed number.
        long magnitude = Long.remainderUnsigned(Math.abs(value), INTEGER_MODULUS);
        return notMinusOne(value < 0 ? -magnitude : magnitude);
    }

    /** Of a tuple of non-negative integers: from position to limit. */
    static long ofTokens(IntBuffer tokens) {
        int length = tokens.remaining();
        long acc = PRIME_5;
        while (tokens.hasRemaining()) {
            acc = mix(acc, tokens.get());
        }
        return finished(acc, length);
    }

    /** Of a tuple of three, by their hashes. */
    static long ofTriple(long first, long second, long third) {
        return finished(mix(mix(mix(PRIME_5, first), second), third), 3);
    }

    private static long mix(long acc, long elementHash) {
        return Long.rotateLeft(acc + elementHash * PRIME_2, 31) * PRIME_1;
    }

    private static long finished(long acc, int length) {
        long hash = acc + (length ^ LENGTH_MIX);
        return hash == -1 ? INSTEAD_OF_ALL_ONES : hash;
    }

    /**
     * Of a text, in a process whose {@code PYTHONHASHSEED} is the seed: SipHash-1-3 with a key that a linear congruential
     * generator makes of the seed; of 0, the key is 0.
     *
     * @param text not empty, ASCII
     * @param seed 0 to {@link HashSeed#MAX_NUMBER}
     */
    static long ofText(String text, long seed) {
        ByteBuffer key = key(seed);
        SipHash13 state = new SipHash13(key.getLong(), key.getLong());
        ByteBuffer words = paddedWords(text);
        while (words.hasRemaining()) {
            state.add(words.getLong());
        }
        return notMinusOne(state.hash());
    }

    /** The text, zeros to the end of the last word, and in its last byte the length. */
    private static ByteBuffer paddedWords(String text) {
        byte[] ascii = text.getBytes(StandardCharsets.US_ASCII);
        int bytes = (ascii.length / Long.BYTES + 1) * Long.BYTES;
        return ByteBuffer.allocate(bytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(ascii)
                .put(bytes - 1, (byte) ascii.length)
                .rewind();
    }

    private static ByteBuffer key(long seed) {
        ByteBuffer key = ByteBuffer.allocate(2 * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        int state = (int) seed;
        while (seed != 0 && key.hasRemaining()) {
            state = state * 214013 + 2531011;
            key.put((byte) (state >>> 16));
        }
        return key.rewind();
    }

    /** -1 is what an error returns, so no hash is. */
    private static long notMinusOne(long hash) {
        return hash == -1 ? -2 : hash;
    }

    private static final class SipHash13 {
        private long v0;
        private long v1;
        private long v2;
        private long v3;

        private SipHash13(long key0, long key1) {
            v0 = key0 ^ 0x736f6d6570736575L;
            v1 = key1 ^ 0x646f72616e646f6dL;
            v2 = key0 ^ 0x6c7967656e657261L;
            v3 = key1 ^ 0x7465646279746573L;
        }

        private void add(long word) {
            v3 ^= word;
            round();
            v0 ^= word;
        }

        private long hash() {
            v2 ^= 0xff;
            round();
            round();
            round();
            return v0 ^ v1 ^ v2 ^ v3;
        }

        private void round() {
            v0 += v1;
            v1 = Long.rotateLeft(v1, 13) ^ v0;
            v0 = Long.rotateLeft(v0, 32);
            v2 += v3;
            v3 = Long.rotateLeft(v3, 16) ^ v2;
            v0 += v3;
            v3 = Long.rotateLeft(v3, 21) ^ v0;
            v2 += v1;
            v1 = Long.rotateLeft(v1, 17) ^ v2;
            v2 = Long.rotateLeft(v2, 32);
        }
    }
}
