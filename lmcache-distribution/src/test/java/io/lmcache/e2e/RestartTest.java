package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.core.engine.HostKvTensor;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.e2e.Processes.Finished;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What was stored is there after the engine, or its process, has ended in one way or another. */
@Tag("slow")
class RestartTest {
    private static final int[] PROMPT = TestEngine.prompt(700);

    @TempDir
    private Path directory;

    @Test
    void aNewEngineFindsTheChunksInTheFileTier() {
        try (LmcacheStack stack = open(directory)) {
            assertThat(TestEngine.store(stack, PROMPT)).isEqualTo(Map.of("cpu", 700, "posix", 700));
        }
        try (LmcacheStack stack = open(directory)) {
            assertThat(TestEngine.retrieveAll(stack, PROMPT)).isEqualTo(Map.of("posix", 700));
            assertThat(TestEngine.retrieveAll(stack, PROMPT)).as("promoted").isEqualTo(Map.of("cpu", 700));
        }
    }

    @Test
    void closingTheEngineFinishesItsWrites() {
        try (LmcacheStack stack = open(directory);
                Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(TestEngine.LAYOUT.chunkBytes(PROMPT.length));
            TestEngine.fill(memory);
            var _ = stack.cache(TestEngine.SCOPE)
                    .store(PROMPT, new HostKvTensor(TestEngine.LAYOUT, memory, PROMPT.length));
        }
        try (LmcacheStack stack = open(directory)) {
            assertThat(TestEngine.retrieveAll(stack, PROMPT)).isEqualTo(Map.of("posix", 700));
        }
    }

    @Test
    void aNewProcessFindsTheChunks() throws Exception {
        try (LmcacheStack stack = open(directory)) {
            TestEngine.store(stack, PROMPT);
        }
        Finished reader = Processes.java(OtherProcess.class, "read", directory.toString());
        assertThat(reader.out()).as(reader.err()).isEqualTo("{posix=700}");
        assertThat(reader.status()).isZero();
    }

    @Test
    void twoProcessesShareADirectoryAtTheSameTime() throws Exception {
        try (LmcacheStack stack = open(directory)) {
            assertThat(stack.cache(TestEngine.SCOPE).lookup(PROMPT)).isZero();
            Finished writer = Processes.java(OtherProcess.class, "write", directory.toString());
            assertThat(writer.status()).as(writer.err()).isZero();
            assertThat(TestEngine.retrieveAll(stack, PROMPT)).isEqualTo(Map.of("posix", 700));
        }
    }

    @Test
    void whatWasPublishedSurvivesAProcessThatIsKilled() throws Exception {
        Finished writer = Processes.java(OtherProcess.class, "write-and-halt", directory.toString());
        assertThat(writer.status()).as(writer.err()).isEqualTo(OtherProcess.HALTED);
        try (LmcacheStack stack = open(directory)) {
            assertThat(TestEngine.retrieveAll(stack, PROMPT)).isEqualTo(Map.of("posix", 700));
        }
    }

    private static LmcacheStack open(Path directory) {
        return LmcacheStack.builder()
                .tier("cpu", Map.of("capacity_bytes", "16777216"))
                .tier("posix", Map.of("path", directory.toString()))
                .build();
    }

    /** A process with an engine of its own on the directory; prints the tokens by tier that it read. */
    static final class OtherProcess {
        static final int HALTED = 137;

        private OtherProcess() {}

        public static void main(String[] arguments) {
            try (LmcacheStack stack = open(Path.of(arguments[1]))) {
                switch (arguments[0]) {
                    case "read" -> System.out.print(TestEngine.retrieveAll(stack, PROMPT));
                    case "write" -> TestEngine.store(stack, PROMPT);
                    case "write-and-halt" -> {
                        TestEngine.store(stack, PROMPT);
                        Runtime.getRuntime().halt(HALTED);
                    }
                    default -> throw new IllegalArgumentException(arguments[0]);
                }
            }
        }
    }
}
