package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The program under an environment, which only a process of its own can have. */
@Tag("slow")
class ConfiguredProcessTest {
    @TempDir
    private Path directory;

    private Path text;

    @BeforeEach
    void writeText() throws Exception {
        text = Files.writeString(directory.resolve("text"), "Call me Ishmael. Some years ago. ".repeat(20));
    }

    @Test
    void aFileTierAloneServesEachRowAndASecondDemoIsColdAgain() throws Exception {
        Path chunks = Files.createDirectory(directory.resolve("chunks"));
        Path yaml = Files.writeString(
                directory.resolve("lmcache.yaml"),
                "local_cpu: false\nchunk_size: 256\ngds_path: " + chunks + "\ncufile_buffer_size: 8192\n");
        Map<String, String> environment = Map.of("LMCACHE_CONFIG_FILE", yaml.toString());
        demo(environment);
        JsonNode report = demo(environment);
        assertThat(report.path("tiers")).hasSize(1);
        assertThat(hits(report, 0)).isEmpty();
        assertThat(hits(report, 1)).isEqualTo(Map.of("posix", 660));
        assertThat(hits(report, 2)).isEqualTo(Map.of("posix", 512));
        assertThat(hits(report, 3)).isEqualTo(Map.of("posix", 660));
        assertThat(hits(report, 4)).isEmpty();
    }

    @Test
    void aHostTierAloneHasNothingForANewProcess() throws Exception {
        JsonNode report = demo(Map.of("LMCACHE_MAX_LOCAL_CPU_SIZE", "0.1"));
        assertThat(hits(report, 1)).isEqualTo(Map.of("cpu", 660));
        assertThat(report.path("persistentTiers")).isEmpty();
        assertThat(hits(report, 3)).isEmpty();
    }

    @Test
    void chunksOfOneTokenLeaveTheLastOneToCompute() throws Exception {
        JsonNode report = demo(Map.of("LMCACHE_MAX_LOCAL_CPU_SIZE", "0.1", "LMCACHE_CHUNK_SIZE", "1"));
        assertThat(hits(report, 1)).isEqualTo(Map.of("cpu", 660));
        assertThat(hits(report, 2)).isEqualTo(Map.of("cpu", 660));
    }

    @Test
    void badSettingsAreOneMessageAndStatusTwo() throws Exception {
        Finished config = run(Map.of("LMCACHE_CHUNK_SIZE", "0", "LMCACHE_LOCAL_CPU", "perhaps"), "config");
        assertThat(config.status()).isEqualTo(2);
        assertThat(config.err())
                .contains("LMCACHE_CHUNK_SIZE", "LMCACHE_LOCAL_CPU")
                .doesNotContain("\tat ");
        assertThat(config.out()).isEmpty();
    }

    @Test
    void aPathThatIsAFileIsOneMessageAndStatusTwo() throws Exception {
        Finished demo = run(Map.of("LMCACHE_GDS_PATH", text.toString()), "demo", text.toString());
        assertThat(demo.status()).isEqualTo(2);
        assertThat(demo.err()).contains(text.toString()).doesNotContain("\tat ");
        assertThat(demo.out()).isEmpty();
    }

    @Test
    void theDoctorFailsWhereCufileIsRequiredAndMissing() throws Exception {
        Map<String, String> environment = Map.of(
                "LMCACHE_USE_CUFILE", "true",
                "LMCACHE_GDS_PATH", "/elsewhere",
                "CUDA_VISIBLE_DEVICES", "");
        Finished doctor = run(environment, "doctor", directory.resolve("chunks").toString());
        assertThat(doctor.status()).as(doctor.err()).isEqualTo(1);
        assertThat(doctor.out())
                .contains("use_cufile is true, but tier 'gds' cannot serve it", "or set use_cufile to auto")
                .doesNotContain("/elsewhere");
        assertThat(directory.resolve("chunks")).doesNotExist();
    }

    @Test
    void aDeviceThatIsFullIsAFailure() throws Exception {
        Path full = Path.of("/dev/full");
        assumeTrue(Files.exists(full), "only Linux has such a device");
        Finished config = run(full.toFile(), Map.of(), "config");
        assertThat(config.status()).isEqualTo(1);
        assertThat(config.err()).contains("standard output could not be written (No space left on device)");
        assertThat(run(full.toFile(), Map.of(), "--help").status()).isEqualTo(1);
    }

    @Test
    void everyWarningIsThereOnce() throws Exception {
        Map<String, String> environment = Map.of("LMCACHE_MAX_LOCAL_CPU_SIZE", "0.1", "LMCACHE_CHUNK_SIZ", "64");
        for (Finished finished : List.of(run(environment, "config"), run(environment, "demo", text.toString()))) {
            assertThat(finished.status()).as(finished.err()).isZero();
            assertThat(finished.err().lines().filter(line -> line.contains("LMCACHE_CHUNK_SIZ")))
                    .hasSize(1);
        }
    }

    @Test
    void theNewProcessOfTheDemoHasTheSameConfiguration() throws Exception {
        Finished demo = run(
                Map.of(),
                "demo",
                "--json",
                "--set=local_cpu=false",
                "--set=gds_path=" + directory.resolve("chunks"),
                "--set=chunk_size=256",
                text.toString());
        assertThat(demo.status()).as(demo.err()).isZero();
        assertThat(hits(new ObjectMapper().readTree(demo.out()), 3)).isEqualTo(Map.of("posix", 660));
    }

    @Test
    void theOriginOfAValueIsItsVariable() throws Exception {
        assertThat(run(Map.of("LMCACHE_CHUNK_SIZE", "64"), "config").out())
                .containsPattern("(?m)^chunk_size: 64 +# environment variable LMCACHE_CHUNK_SIZE$");
    }

    private JsonNode demo(Map<String, String> environment) throws Exception {
        Finished demo = run(environment, "demo", "--json", text.toString());
        assertThat(demo.status()).as(demo.err()).isZero();
        return new ObjectMapper().readTree(demo.out());
    }

    private static Map<?, ?> hits(JsonNode report, int row) {
        return new ObjectMapper().convertValue(report.path("rows").path(row).path("hitTokensByTier"), Map.class);
    }

    private record Finished(int status, String out, String err) {}

    private Finished run(Map<String, String> environment, String... arguments) throws Exception {
        return run(directory.resolve("out").toFile(), environment, arguments);
    }

    private Finished run(File out, Map<String, String> environment, String... arguments) throws Exception {
        File err = directory.resolve("err").toFile();
        ProcessBuilder builder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                        "-classpath",
                        System.getProperty("java.class.path"),
                        TinyMain.class.getName())
                .redirectOutput(out)
                .redirectError(err);
        builder.command().addAll(List.of(arguments));
        builder.environment().keySet().removeIf(name -> name.startsWith("LMCACHE_"));
        builder.environment().putAll(environment);
        Process process = builder.start();
        try {
            assertThat(process.waitFor(100, TimeUnit.SECONDS))
                    .as("ends in time")
                    .isTrue();
        } finally {
            process.destroyForcibly();
        }
        return new Finished(
                process.exitValue(),
                out.isFile() ? Files.readString(out.toPath(), StandardCharsets.UTF_8) : "",
                Files.readString(err.toPath(), StandardCharsets.UTF_8));
    }
}
