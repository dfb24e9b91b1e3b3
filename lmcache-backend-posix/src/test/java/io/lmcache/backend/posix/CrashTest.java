package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.awaitTrue;
import static io.lmcache.backend.posix.TestBackends.holds;
import static io.lmcache.backend.posix.TestBackends.regularFiles;
import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.testkit.TestChunks;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Writers in processes of their own that are killed in the middle. Part of {@code scripts/reliability-campaign}; {@code
 * -Dlmcache.test.crashRounds} is the number of rounds, in even shares for the formats.
 */
@Tag("slow")
class CrashTest {
    private static final int ROUNDS = Integer.getInteger("lmcache.test.crashRounds", 3);
    private static final int WRITERS = 4;
    private static final long LMCACHE_HEADER_BYTES = 4096;
    private static final int FORMATS = FileFormat.values().length;

    @TempDir
    private Path root;

    @ParameterizedTest
    @EnumSource
    void afterKillsWhatWasReportedIsThereAndNothingElseIsVisible(FileFormat format) throws Exception {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        int rounds = Math.ceilDiv(ROUNDS, FORMATS);
        int chunks = 0;
        try (StorageBackend observer = TestBackends.open(root, "file_format", format.name())) {
            for (int round = 0; round < rounds; round++) {
                List<String> reported = reportedBeforeKill(format, round, random);
                chunks += reported.size();
                assertThat(reported).as("seed %d, round %d", seed, round).isNotEmpty();
                assertThat(reported)
                        .as("seed %d, round %d", seed, round)
                        .allMatch(text -> holds(observer, ChunkKey.parse(text)));
            }
            assertThat(TestBackends.count(observer, BackendCounter.CORRUPT)).isZero();
        }
        assertEveryVisibleFileIsWhole();
        assertNothingIsLeftOfTheDead();
        System.out.printf(
                "| crash | %s, %d rounds, %d writers killed | %d chunks reported as stored, all there and right; nothing torn"
                        + " or left |%n",
                format, rounds, rounds * WRITERS, chunks);
    }

    /** Starts writers, kills them at some moment after each has stored something, and returns what they reported. */
    private List<String> reportedBeforeKill(FileFormat format, int round, Random random) throws Exception {
        List<Process> writers = new ArrayList<>();
        List<BufferedReader> reports = new ArrayList<>();
        try {
            for (int writer = 0; writer < WRITERS; writer++) {
                Process process = start(format, "round-" + round + "-writer-" + writer);
                writers.add(process);
                reports.add(
                        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII)));
            }
            List<String> reported = new ArrayList<>();
            for (BufferedReader report : reports) {
                int lines = 1 + random.nextInt(50);
                for (int i = 0; i < lines; i++) {
                    reported.addAll(Writer.keysIn(report.readLine()));
                }
            }
            // By the handle: Process.destroyForcibly would close the pipe, with lines in it.
            writers.forEach(
                    writer -> assertThat(writer.toHandle().destroyForcibly()).isTrue());
            for (BufferedReader report : reports) {
                report.lines().forEach(line -> reported.addAll(Writer.keysIn(line)));
            }
            return reported;
        } finally {
            for (Process process : writers) {
                process.destroyForcibly();
                assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
            }
        }
    }

    private Process start(FileFormat format, String model) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx128m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Writer.class.getName(),
                        root.toString(),
                        format.name(),
                        model)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    /** By the other reader, which knows nothing of the backend. */
    private void assertEveryVisibleFileIsWhole() throws IOException {
        for (Path file : regularFiles(root)) {
            if (file.toString().endsWith(".kvcache.safetensors")) {
                assertThat(file).hasSize(LMCACHE_HEADER_BYTES + TestChunks.META.byteSize());
            } else if (file.toString().endsWith(".safetensors")) {
                assertThat((long) SafetensorsReader.read(file).payload().remaining())
                        .as("%s", file)
                        .isEqualTo(TestChunks.META.byteSize());
            }
        }
    }

    private void assertNothingIsLeftOfTheDead() throws Exception {
        try (StorageBackend backend = TestBackends.open(root)) {
            assertThat(backend.name()).isEqualTo("posix");
            // What remains is the lock of this backend.
            awaitTrue(() -> litter().size() == 1, () -> litter().toString());
        }
    }

    private List<String> litter() throws IOException {
        return regularFiles(root).stream()
                .map(Path::toString)
                .filter(file -> file.endsWith(".tmp") || file.contains("/writers/"))
                .toList();
    }

    @Test
    void temporaryFileOfALivingPeerIsKept() throws Exception {
        Process peer = start(FileFormat.NATIVE, "peer");
        try (BufferedReader report =
                new BufferedReader(new InputStreamReader(peer.getInputStream(), StandardCharsets.US_ASCII))) {
            assertThat(report.readLine()).isNotNull();
            String writer = peerId();
            Path fanOut = Files.createDirectories(root.resolve("aa/bb"));
            Path temporary = Files.writeString(fanOut.resolve("." + writer + ".999999.tmp"), "x");
            String dead = "1-0000000000000000-0000000000000000";
            Path marker = Files.writeString(fanOut.resolve("." + dead + ".1.tmp"), "x");
            Files.createFile(root.resolve(".lmcache/writers").resolve(dead + ".lock"));
            try (StorageBackend backend = TestBackends.open(root)) {
                assertThat(backend.name()).isEqualTo("posix");
                awaitGone(marker);
                assertThat(temporary).exists();
            }
            peer.destroyForcibly();
            assertThat(peer.waitFor(10, TimeUnit.SECONDS)).isTrue();
            try (StorageBackend backend = TestBackends.open(root)) {
                assertThat(backend.name()).isEqualTo("posix");
                awaitGone(temporary);
            }
        } finally {
            peer.destroyForcibly();
        }
    }

    private String peerId() throws IOException {
        List<Path> locks = regularFiles(root.resolve(".lmcache/writers"));
        assertThat(locks).hasSize(1);
        return String.valueOf(locks.getFirst().getFileName()).replace(".lock", "");
    }

    private static void awaitGone(Path file) throws Exception {
        awaitTrue(() -> !Files.exists(file), file::toString);
    }

    /** A process that stores chunks until it is killed, and prints the key of each one that was reported as stored. */
    static final class Writer {
        // The kill may cut the last line off: only a line with this mark counts.
        private static final String END = " stored";

        private Writer() {}

        /** The key that a line of output reports, if the line is whole. */
        static List<String> keysIn(String line) {
            return line.endsWith(END) ? List.of(line.substring(0, line.length() - END.length())) : List.of();
        }

        public static void main(String[] args) {
            KeyScope scope = KeyScope.of(args[2], TestChunks.LAYOUT);
            try (StorageBackend backend = TestBackends.open(Path.of(args[0]), "file_format", args[1])) {
                for (int number = 0; number < 100_000; number++) {
                    ChunkKey key = TestChunks.key(scope, number);
                    if (TestBackends.put(backend, key, TestChunks.META) instanceof PutOutcome.Stored) {
                        System.out.println(key.text() + END);
                    }
                }
            }
        }
    }
}
