package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One short run; its numbers depend on the machine and prove nothing, so none is compared with a target. */
@Tag("slow")
class BenchCommandTest {
    @TempDir
    private static Path directory;

    private static Invocation bench;
    private static JsonNode report;

    @BeforeAll
    static void runOnce() throws Exception {
        bench = Invocation.of("bench", "--quick", "--json", "--check", "--dir", directory.toString());
        report = new ObjectMapper().readTree(bench.out());
    }

    @Test
    void everyMeasurementHasARow() {
        List<String> names = new ArrayList<>();
        report.path("rows").forEach(row -> names.add(row.path("what").asText()));
        assertThat(names)
                .filteredOn(name -> !name.contains("use_direct_io"))
                .containsExactly(
                        "hash 4096 tokens into 16 keys",
                        "look up 16 chunks in the host tier",
                        "host tier: retrieve 2 chunks of 32 MiB",
                        "host tier: store 2 chunks of 32 MiB",
                        "host tier: the same, into memory never touched before",
                        "look up 16 chunks while watched",
                        "retrieve 2 chunks of 32 MiB while watched",
                        "file tier: retrieve 2 chunks of 32.0 MiB",
                        "file tier: 2 of 32.0 MiB, beside reads that check",
                        "file tier: retrieve 42 chunks of 1.5 MiB",
                        "file tier: 42 of 1.5 MiB, beside reads that check",
                        "heap at its peak, 0.06 GiB stored and retrieved with -Xmx128m",
                        "heap a chunk, host tier with 19000 chunks",
                        "heap a chunk, file tier with 1000 chunks");
    }

    @Test
    void everyRatioIsThatOfItsTwoMeasurements() {
        for (JsonNode row : report.path("rows")) {
            double measured = row.path("measured").asDouble();
            double ceiling = row.path("ceiling").asDouble();
            assertThat(measured).as(row.toString()).isPositive();
            assertThat(row.path("ratio").asDouble()).as(row.toString()).isEqualTo(measured / ceiling);
        }
    }

    @Test
    void checkEndsWithStatus1WhenATargetIsMissed() {
        assertThat(bench.status()).isEqualTo(report.path("allTargetsMet").asBoolean() ? 0 : 1);
    }

    @Test
    void noFileIsLeftBehind() {
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void aDirectoryThatIsNoneIsBadInput() throws Exception {
        Path file = Files.createFile(directory.resolve("file"));
        try {
            Invocation refused = Invocation.of("bench", "--dir", file.toString());
            assertThat(refused.status()).isEqualTo(2);
            assertThat(refused.err()).contains("--dir", file.toString());
        } finally {
            Files.delete(file);
        }
    }
}
