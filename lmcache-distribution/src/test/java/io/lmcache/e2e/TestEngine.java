package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.KeyScope;
import io.lmcache.api.KvLayout;
import io.lmcache.api.engine.RetrieveResult;
import io.lmcache.core.engine.HostKvTensor;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SortedMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/** An inference engine without a model: its KV is a pattern, so that it knows what the cache has to give back. */
final class TestEngine {
    static final KvLayout LAYOUT = EmbeddingExamples.LAYOUT;
    static final KeyScope SCOPE = KeyScope.of("model", LAYOUT);

    private TestEngine() {}

    static int[] prompt(int tokens) {
        return IntStream.range(0, tokens).map(i -> (i * 31) % 50_000).toArray();
    }

    /** Stores the KV of the prompt and waits until every tier has it; for each tier, the tokens that it holds. */
    static SortedMap<String, Integer> store(LmcacheStack stack, int[] prompt) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(LAYOUT.chunkBytes(prompt.length));
            fill(memory);
            return stack.cache(SCOPE)
                    .store(prompt, new HostKvTensor(LAYOUT, memory, prompt.length))
                    .published()
                    .orTimeout(30, TimeUnit.SECONDS)
                    .join();
        }
    }

    /** Retrieves the prompt, all of which has to be there, and checks every byte; the tokens by tier. */
    static SortedMap<String, Integer> retrieveAll(LmcacheStack stack, int[] prompt) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(LAYOUT.chunkBytes(prompt.length));
            KvCache cache = stack.cache(SCOPE);
            RetrieveResult result = cache.retrieve(prompt, new HostKvTensor(LAYOUT, memory, prompt.length));
            assertThat(result.tokens()).isEqualTo(prompt.length);
            requireIntact(memory);
            return result.tokensByTier();
        }
    }

    /** Retrieves what there is of the prompt, and checks every byte of it; the number of tokens. */
    static int retrieve(LmcacheStack stack, int[] prompt) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment all = arena.allocate(LAYOUT.chunkBytes(prompt.length));
            fill(all);
            MemorySegment memory = arena.allocate(LAYOUT.chunkBytes(prompt.length));
            int tokens = stack.cache(SCOPE)
                    .retrieve(prompt, new HostKvTensor(LAYOUT, memory, prompt.length))
                    .tokens();
            long row = (long) LAYOUT.hiddenSize() * LAYOUT.dtype().bytes();
            for (long rows = 0; rows < memory.byteSize() / row; rows++) {
                if (rows % prompt.length < tokens) {
                    assertThat(memory.asSlice(rows * row, row).mismatch(all.asSlice(rows * row, row)))
                            .isEqualTo(-1);
                }
            }
            return tokens;
        }
    }

    static void fill(MemorySegment memory) {
        for (long i = 0; i < memory.byteSize(); i++) {
            memory.set(ValueLayout.JAVA_BYTE, i, patternAt(i));
        }
    }

    static void requireIntact(MemorySegment memory) {
        for (long i = 0; i < memory.byteSize(); i++) {
            if (memory.get(ValueLayout.JAVA_BYTE, i) != patternAt(i)) {
                throw new AssertionError("Byte " + i + " is not what was stored");
            }
        }
    }

    private static byte patternAt(long index) {
        return (byte) ((index * 0x9E3779B97F4A7C15L) >>> 56);
    }
}
