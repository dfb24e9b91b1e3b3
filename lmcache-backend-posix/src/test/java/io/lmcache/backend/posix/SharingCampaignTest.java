package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.regularFiles;
import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.testkit.TestChunks;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Four processes on one directory, two of each of two formats, of which one is killed and replaced. The short form counts
 * operations. {@code scripts/sharing-campaign} has the long form on every file system, {@code
 * -Dlmcache.test.sharingSeconds} the time of each.
 */
@Tag("slow")
class SharingCampaignTest {
    private static final double SECONDS = Double.parseDouble(System.getProperty("lmcache.test.sharingSeconds", "0"));
    private static final int WORKERS = 4;
    private static final long LMCACHE_HEADER_BYTES = 4096;
    private static final Pattern NUMBER = Pattern.compile("([A-Z_]+)=([0-9]+)");

    @TempDir
    private Path folder;

    @ParameterizedTest
    @EnumSource
    void fourProcessesNeverReadAWrongByteAndSeeEachOthersChunks(Storage.Kind kind) throws Exception {
        try (Storage storage = Storage.open(kind, folder)) {
            report(kind, totals(share(storage)));
        } catch (Storage.UnavailableException e) {
            report(kind, "not mounted here: " + e.getMessage());
            Assumptions.abort(kind + " cannot be mounted here: " + e.getMessage());
        }
    }

    /** A row of the table in docs/sharing.md. */
    private static void report(Storage.Kind kind, String result) {
        System.out.printf("| %s | %s |%n", kind.name().toLowerCase(Locale.ROOT), result.replaceAll("\\R", " "));
    }

    /** What all workers together did; it has to be something. */
    private static String totals(List<String> worked) {
        Map<SharingWorker.Result, Long> totals = new EnumMap<>(SharingWorker.Result.class);
        for (String line : worked) {
            NUMBER.matcher(line)
                    .results()
                    .forEach(match -> totals.merge(
                            SharingWorker.Result.valueOf(match.group(1)), Long.parseLong(match.group(2)), Long::sum));
        }
        assertThat(totals).containsKeys(SharingWorker.Result.HIT, SharingWorker.Result.STORED);
        return "%d hits, %d misses, %d stored, %d already there, %d removed, %d failed"
                .formatted(
                        totals.getOrDefault(SharingWorker.Result.HIT, 0L),
                        totals.getOrDefault(SharingWorker.Result.MISS, 0L),
                        totals.getOrDefault(SharingWorker.Result.STORED, 0L),
                        totals.getOrDefault(SharingWorker.Result.PRESENT, 0L),
                        totals.getOrDefault(SharingWorker.Result.REMOVED, 0L),
                        totals.getOrDefault(SharingWorker.Result.FAILED, 0L));
    }

    /** What the workers say of their random work. */
    private static List<String> share(Storage storage) throws Exception {
        long seed = new Random().nextLong();
        List<Child> workers = new ArrayList<>();
        try {
            for (int worker = 0; worker < WORKERS; worker++) {
                workers.add(new Child(storage, worker, seed, SECONDS));
            }
            killAndReplace(workers, storage, seed);
            List<String> worked = new ArrayList<>();
            for (Child worker : workers) {
                worker.line("in the midst", seed);
                worked.add(worker.line("worked ", seed));
            }
            assertThat(worked).as("seed %d", seed).allMatch(line -> line.endsWith("corrupt=0"));
            for (Child worker : workers) {
                worker.line("stored", seed);
            }
            for (Child worker : workers) {
                worker.go();
            }
            for (Child worker : workers) {
                assertThat(worker.line("sees ", seed))
                        .as("seed %d", seed)
                        .isEqualTo("sees " + WORKERS / 2 * SharingWorker.OWN);
                worker.end(seed);
            }
            assertEveryFileIsWhole(storage.ways().getFirst(), seed);
            return worked;
        } finally {
            for (Child worker : workers) {
                worker.kill();
            }
        }
    }

    private static void killAndReplace(List<Child> workers, Storage storage, long seed) throws Exception {
        int victim = WORKERS - 1;
        workers.get(victim).line("in the midst", seed);
        long halfTime = (long) (SECONDS / 2 * 1000);
        TimeUnit.MILLISECONDS.sleep(halfTime);
        workers.get(victim).kill();
        workers.set(victim, new Child(storage, victim, seed + WORKERS, SECONDS / 2));
    }

    /** By other readers, which know nothing of the backend. */
    private static void assertEveryFileIsWhole(Path root, long seed) throws IOException {
        int chunks = 0;
        for (Path file : regularFiles(root)) {
            if (file.toString().endsWith(".kvcache.safetensors")) {
                assertThat(file).as("seed %d", seed).hasSize(LMCACHE_HEADER_BYTES + TestChunks.META.byteSize());
                chunks++;
            } else if (file.toString().endsWith(".safetensors")) {
                assertThat((long) SafetensorsReader.read(file).payload().remaining())
                        .as("%s, seed %d", file, seed)
                        .isEqualTo(TestChunks.META.byteSize());
                chunks++;
            }
        }
        assertThat(chunks).as("seed %d", seed).isGreaterThanOrEqualTo(WORKERS * SharingWorker.OWN);
    }

    /** A worker in a process of its own. */
    private static final class Child {
        private static final int MOST_SECONDS = 60;

        private final Process process;
        private final BufferedReader output;

        Child(Storage storage, int worker, long seed, double seconds) throws IOException {
            List<String> command = new ArrayList<>(List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "--enable-native-access=ALL-UNNAMED",
                    "-XX:TieredStopAtLevel=1",
                    "-Xmx128m",
                    "-cp",
                    System.getProperty("java.class.path"),
                    SharingWorker.class.getName()));
            // The two of a format come different ways; where there is but one, the second works past the page cache.
            List<Path> ways = storage.ways();
            boolean isSecond = worker >= WORKERS / 2;
            Path way = isSecond ? ways.getLast() : ways.getFirst();
            boolean isDirect = isSecond && ways.size() == 1;
            command.addAll(SharingWorker.arguments(way, isDirect, worker, WORKERS, seed, seconds));
            process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            endAfter(Math.round(seconds) + MOST_SECONDS);
            output = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
        }

        /** A worker that hangs is killed: nothing else interrupts the wait for its output. */
        private void endAfter(long mostSeconds) {
            var _ = process.onExit().orTimeout(mostSeconds, TimeUnit.SECONDS).whenComplete((_, timeout) -> {
                if (timeout != null) {
                    process.destroyForcibly();
                }
            });
        }

        String line(String beginning, long seed) throws IOException {
            String line = output.readLine();
            assertThat(line).as("seed %d", seed).startsWith(beginning);
            return line;
        }

        void go() throws IOException {
            process.getOutputStream().write('\n');
            process.getOutputStream().flush();
        }

        void end(long seed) throws InterruptedException {
            assertThat(process.waitFor(MOST_SECONDS, TimeUnit.SECONDS))
                    .as("seed %d", seed)
                    .isTrue();
            assertThat(process.exitValue()).as("seed %d", seed).isZero();
        }

        void kill() throws InterruptedException {
            process.destroyForcibly();
            assertThat(process.waitFor(MOST_SECONDS, TimeUnit.SECONDS)).isTrue();
        }
    }
}
