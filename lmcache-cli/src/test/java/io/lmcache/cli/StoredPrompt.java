package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.core.engine.HostKvTensor;
import io.lmcache.core.engine.LmcacheStack;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/** A prompt whose KV a test stores, and finds again later, to the byte. */
final class StoredPrompt {
    private static final KvLayout LAYOUT = KvLayout.kv(KvDtype.BFLOAT16, 2, 2, 8);
    private static final KeyScope SCOPE = KeyScope.of("model", LAYOUT);

    private StoredPrompt() {}

    /** The tokens 0, 1, 2 and so on. */
    static int[] tokens(int count) {
        return IntStream.range(0, count).toArray();
    }

    /** Stores the KV of the prompt in every tier. */
    static void store(LmcacheStack stack, int[] prompt) {
        assertThat(storeWhatFits(stack, prompt).values()).containsOnly(prompt.length);
    }

    /** Stores the KV of the prompt where others may remove it; the answer is how many tokens each tier has taken. */
    static Map<String, Integer> storeWhatFits(LmcacheStack stack, int[] prompt) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(bytes(prompt.length));
            for (long i = 0; i < memory.byteSize(); i++) {
                memory.set(ValueLayout.JAVA_BYTE, i, patternAt(i));
            }
            return stack.cache(SCOPE)
                    .store(prompt, new HostKvTensor(LAYOUT, memory, prompt.length))
                    .published()
                    .orTimeout(30, TimeUnit.SECONDS)
                    .join();
        }
    }

    /** Checks that all of it is there, to the byte. */
    static void requireStored(LmcacheStack stack, int[] prompt) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(bytes(prompt.length));
            HostKvTensor kv = new HostKvTensor(LAYOUT, memory, prompt.length);
            assertThat(stack.cache(SCOPE).retrieve(prompt, kv).tokens()).isEqualTo(prompt.length);
            for (long i = 0; i < memory.byteSize(); i++) {
                assertThat(memory.get(ValueLayout.JAVA_BYTE, i))
                        .as("byte %d", i)
                        .isEqualTo(patternAt(i));
            }
        }
    }

    /** The bytes of so many tokens. */
    static long bytes(int tokens) {
        return LAYOUT.chunkBytes(tokens);
    }

    /** The KV heads of the layout. */
    static int heads() {
        return LAYOUT.kvHeads();
    }

    private static byte patternAt(long index) {
        return (byte) ((index * 0x9E3779B97F4A7C15L) >>> 56);
    }
}
