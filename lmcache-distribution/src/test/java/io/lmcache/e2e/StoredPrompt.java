package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.core.engine.LmcacheEngine;
import java.util.stream.IntStream;

/** A prompt whose KV an engine of another package's test stores and finds again. */
public final class StoredPrompt {
    private StoredPrompt() {}

    /** The tokens 0, 1, 2 and so on. */
    public static int[] tokens(int count) {
        return IntStream.range(0, count).toArray();
    }

    /** Stores the KV of the prompt in every tier. */
    public static void store(LmcacheEngine engine, int[] prompt) {
        assertThat(TestEngine.store(engine, prompt).values()).containsOnly(prompt.length);
    }

    /** Checks that all of it is there, to the byte. */
    public static void requireStored(LmcacheEngine engine, int[] prompt) {
        assertThat(TestEngine.retrieveAll(engine, prompt)).isNotEmpty();
    }

    /** The bytes of so many tokens. */
    public static long bytes(int tokens) {
        return TestEngine.LAYOUT.chunkBytes(tokens);
    }

    /** The KV heads of the layout. */
    public static int heads() {
        return TestEngine.LAYOUT.kvHeads();
    }
}
