package io.lmcache.backend.posix;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Several processes write into one directory at full speed, several times what it may hold. Part of {@code
 * scripts/reliability-campaign}; {@code -Dlmcache.test.budgetTurnovers} says how many times.
 */
class SharedBudgetTest {
    private static final int TURNOVERS = Integer.getInteger("lmcache.test.budgetTurnovers", 4);
    private static final long CHUNKS_OF_LIMIT = 200;
    private static final long LIMIT = CHUNKS_OF_LIMIT * (ChunkFileFormat.HEADER_BYTES + TestChunks.META.byteSize());

    @TempDir
    private Path root;

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4})
    void writersKeepOneLimitTogetherAndHardlyDecline(int writers) throws Exception {
        long puts = TURNOVERS * CHUNKS_OF_LIMIT / writers;
        List<Process> processes = new ArrayList<>();
        long most = 0;
        long declined = 0;
        try {
            for (int writer = 0; writer < writers; writer++) {
                processes.add(start(writer, puts));
            }
            while (processes.stream().anyMatch(Process::isAlive)) {
                most = Math.max(most, bytesOfChunks());
                TimeUnit.MILLISECONDS.sleep(20);
            }
            for (Process process : processes) {
                assertThat(process.exitValue()).isZero();
                declined += Long.parseLong(
                        new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip());
            }
        } finally {
            for (Process process : processes) {
                process.destroyForcibly();
                assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
            }
        }
        System.out.printf(
                "| budget | %d writers at full speed, %d puts | at most %.1f %% of the limit, %d puts declined |%n",
                writers, writers * puts, 100.0 * most / LIMIT, declined);
        assertThat(most).isBetween(LIMIT / 2, LIMIT + LIMIT / 10);
        assertThat(declined).as("of %d puts", writers * puts).isLessThan(writers * puts / 20);
    }

    private long bytesOfChunks() throws IOException {
        long bytes = 0;
        for (Path file : TestBackends.regularFiles(root)) {
            if (file.toString().endsWith(".safetensors")) {
                bytes += size(file);
            }
        }
        return bytes;
    }

    private static long size(Path file) throws IOException {
        try {
            return Files.size(file);
        } catch (NoSuchFileException e) {
            return 0;
        }
    }

    private Process start(int writer, long puts) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx128m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Writer.class.getName(),
                        root.toString(),
                        "test/writer-" + writer,
                        Long.toString(puts))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    /** Stores so many chunks, eight at a time, and prints how many puts were declined. */
    static final class Writer {
        private static final int AT_A_TIME = 8;

        private Writer() {}

        public static void main(String[] arguments) {
            KeyScope scope = KeyScope.of(arguments[1], TestChunks.LAYOUT);
            int puts = Integer.parseInt(arguments[2]);
            int declined = 0;
            try (StorageBackend backend = TestBackends.open(Path.of(arguments[0]), "max_bytes", Long.toString(LIMIT))) {
                for (int done = 0; done < puts; done += AT_A_TIME) {
                    List<CompletableFuture<PutOutcome>> outcomes = new ArrayList<>();
                    for (int number = done; number < Math.min(puts, done + AT_A_TIME); number++) {
                        outcomes.add(put(backend, TestChunks.key(scope, number)));
                    }
                    for (CompletableFuture<PutOutcome> outcome : outcomes) {
                        declined += TestBackends.await(outcome) instanceof PutOutcome.Declined ? 1 : 0;
                    }
                }
            }
            System.out.println(declined);
        }

        private static CompletableFuture<PutOutcome> put(StorageBackend backend, ChunkKey key) {
            try (BufferLease lease = TestChunks.lease(backend.allocator(), key, TestChunks.META)) {
                return backend.put(key, TestChunks.META, lease);
            }
        }
    }
}
