package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.engine.StoreResult;
import io.lmcache.core.engine.HostKvTensor;
import io.lmcache.core.engine.LmcacheStack;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A long prompt of small chunks, more than may wait to be written at a time. */
@Tag("slow")
class ManySmallChunksTest {
    private static final int CHUNK_TOKENS = 4;
    private static final int TOKENS = 20_000 * CHUNK_TOKENS;

    @TempDir
    private Path directory;

    @Test
    void aStoreOfManySmallChunksIsNotCut() throws Exception {
        try (LmcacheStack stack = LmcacheStack.builder()
                        .chunkSize(CHUNK_TOKENS)
                        .tier("posix", Map.of("gds_path", directory.toString()))
                        .build();
                Arena arena = Arena.ofConfined()) {
            int[] prompt = TestEngine.prompt(TOKENS);
            MemorySegment memory = arena.allocate(TestEngine.LAYOUT.chunkBytes(prompt.length));
            TestEngine.fill(memory);
            StoreResult result = stack.cache(TestEngine.SCOPE)
                    .store(prompt, new HostKvTensor(TestEngine.LAYOUT, memory, prompt.length));
            assertThat(result.published().get(100, TimeUnit.SECONDS)).containsEntry("posix", TOKENS);
            assertThat(stack.cache(TestEngine.SCOPE).lookup(prompt)).isEqualTo(TOKENS);
        }
    }
}
