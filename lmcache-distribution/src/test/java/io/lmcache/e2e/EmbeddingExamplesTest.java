package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.example.scratch.ScratchBackendProvider;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.core.engine.LmcacheStack;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The code of the README does what the README says. */
class EmbeddingExamplesTest {
    private static final int[] PROMPT = TestEngine.prompt(600);

    @TempDir
    private Path directory;

    @Test
    void theCacheSurvivesARestart() {
        AtomicInteger computed = new AtomicInteger();
        assertThat(answer((prompt, firstToken, memory) -> {
                    computed.addAndGet(prompt.length - firstToken);
                    TestEngine.fill(memory);
                }))
                .isZero();
        assertThat(computed).hasValue(PROMPT.length);

        assertThat(answer((prompt, firstToken, memory) -> TestEngine.requireIntact(memory)))
                .isEqualTo(PROMPT.length);
    }

    private int answer(EmbeddingExamples.Model model) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(EmbeddingExamples.LAYOUT.chunkBytes(PROMPT.length));
            return EmbeddingExamples.answer(directory, model, EmbeddingExamples.LAYOUT, PROMPT, memory);
        }
    }

    @Test
    void theCustomStackHasItsTiersInOrder() {
        try (LmcacheStack stack =
                EmbeddingExamples.customStack(directory.resolve("nvme0"), directory.resolve("nvme1"), scratch())) {
            assertThat(stack.tiers()).containsExactly("cpu", "posix", "scratch");
            assertThat(stack.chunkSize()).isEqualTo(512);
            assertThat(TestEngine.store(stack, PROMPT)).isEqualTo(Map.of("cpu", 600, "posix", 600, "scratch", 600));
        }
    }

    private static StorageBackend scratch() {
        return new ScratchBackendProvider()
                .create(BackendSettings.of("scratch", Map.of()), new BackendContext("test", Clock.systemUTC()));
    }
}
