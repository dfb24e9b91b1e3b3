package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.regularFiles;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lmcache.api.spi.StorageBackend;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Each call of the operating system fails with each error, or hangs, in a process of its own. Part of {@code
 * scripts/reliability-campaign}; {@code -Dlmcache.test.faultSteps} says up to which n only every nth call fails, in rounds
 * of their own.
 */
@Tag("slow")
class FaultCampaignTest {
    private static final int STEPS = Integer.getInteger("lmcache.test.faultSteps", 1);
    private static final Pattern NUMBER = Pattern.compile("([a-z]+)=([0-9]+)");

    @TempDir
    private Path folder;

    private List<String> run(int every, long mostSeconds) throws Exception {
        assumeTrue(hasCompiler(), "there is no C compiler here (cc), so no call can be made to fail");
        Path library = PreloadedFaults.build(folder);
        Path roots = Files.createDirectory(folder.resolve("roots"));
        Path output = folder.resolve("output");
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-XX:TieredStopAtLevel=1",
                "-Xmx256m",
                "-cp",
                System.getProperty("java.class.path"),
                FaultWorker.class.getName(),
                library.toString(),
                roots.toString(),
                Integer.toString(every));
        builder.environment().put("LD_PRELOAD", library.toString());
        Process process = builder.redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            assertThat(process.waitFor(mostSeconds, TimeUnit.SECONDS))
                    .as("the worker ends; it said %s", Files.readString(output))
                    .isTrue();
            assertThat(process.exitValue()).as("%s", Files.readString(output)).isZero();
        } finally {
            process.destroyForcibly();
        }
        requireNothingLeft(roots);
        try (Stream<String> lines = Files.lines(output)) {
            return lines.filter(line -> line.startsWith("case ")).toList();
        }
    }

    private static boolean hasCompiler() {
        return Stream.of(System.getenv("PATH").split(File.pathSeparator))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, "cc")));
    }

    /** What could not be removed while the fault was there, the next process removes. */
    private static void requireNothingLeft(Path roots) throws Exception {
        try (Stream<Path> all = Files.list(roots)) {
            for (Path root : all.toList()) {
                try (StorageBackend backend = TestBackends.open(root, "max_bytes", "100000000")) {
                    assertThat(backend.name()).isEqualTo("posix");
                    TestBackends.awaitTrue(
                            () -> litter(root).size() == 1, () -> litter(root).toString());
                }
            }
        }
    }

    private static List<String> litter(Path root) throws IOException {
        return regularFiles(root).stream()
                .map(Path::toString)
                .filter(file -> file.endsWith(".tmp") || file.contains("/writers/"))
                .toList();
    }

    private static long sum(List<String> cases, String number) {
        return cases.stream()
                .flatMap(line -> NUMBER.matcher(line).results())
                .filter(match -> match.group(1).equals(number))
                .mapToLong(FaultCampaignTest::value)
                .sum();
    }

    private static long value(MatchResult match) {
        return Long.parseLong(match.group(2));
    }

    @Test
    void everyErrorOfEveryCallIsAMissOrARefusalAndCostsNothing() throws Exception {
        List<String> cases = run(STEPS, 600L * STEPS);
        assertThat(cases).hasSize(PreloadedFaults.Call.values().length * FaultWorker.ERRORS.size() * STEPS);
        assertThat(sum(cases, "struck")).isGreaterThan(cases.size());
        System.out.printf(
                "| errno | %d cases, %d calls failed | %d hits, %d misses, %d stored, %d declined, %d failed, %d starts"
                        + " refused; nothing wrong, lost, left or hanging |%n",
                cases.size(),
                sum(cases, "struck"),
                sum(cases, "hits"),
                sum(cases, "misses"),
                sum(cases, "stored"),
                sum(cases, "declined"),
                sum(cases, "failed"),
                sum(cases, "refused"));
    }

    @Test
    void whateverHangsOpenClearAndCloseReturn() throws Exception {
        List<String> cases = run(0, 400);
        assertThat(cases).hasSize(PreloadedFaults.Call.values().length + 1);
        System.out.printf(
                "| hang | %d kinds of calls | open at most %.1f s, clear %.1f s, close %.1f s; nothing wrong or left |%n",
                cases.size(), most(cases, "open"), most(cases, "clear"), most(cases, "close"));
    }

    private static double most(List<String> cases, String number) {
        return cases.stream()
                        .flatMap(line -> NUMBER.matcher(line).results())
                        .filter(match -> match.group(1).equals(number))
                        .mapToLong(FaultCampaignTest::value)
                        .max()
                        .orElseThrow()
                / 1000.0;
    }
}
