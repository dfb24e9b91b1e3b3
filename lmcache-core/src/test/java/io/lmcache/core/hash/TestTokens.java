package io.lmcache.core.hash;

import java.nio.IntBuffer;
import java.util.stream.IntStream;

/** Prompts for the tests of hashers. */
final class TestTokens {
    private TestTokens() {}

    /** So many consecutive token ids. */
    static IntBuffer range(int from, int count) {
        return of(IntStream.range(from, from + count).toArray());
    }

    static IntBuffer of(int... tokens) {
        return IntBuffer.wrap(tokens);
    }
}
