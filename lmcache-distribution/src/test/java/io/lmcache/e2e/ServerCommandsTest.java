package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.e2e.Processes.Finished;
import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands that look at a running server, and administer it. */
class ServerCommandsTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir
    private Path directory;

    private Process server;

    @BeforeEach
    void start() throws Exception {
        Path err = directory.resolve("err");
        ProcessBuilder builder = new ProcessBuilder(lmcache("serve", "--socket", socket())).redirectError(err.toFile());
        builder.environment().keySet().removeIf(name -> name.startsWith("LMCACHE_"));
        builder.environment().put("LMCACHE_MAX_LOCAL_CPU_SIZE", "32 MiB");
        builder.environment().put("CUDA_VISIBLE_DEVICES", "-1");
        server = builder.start();
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!Files.readString(err).contains("ready")) {
            assertThat(server.isAlive() && System.nanoTime() - end < 0)
                    .as(Files.readString(err))
                    .isTrue();
            LockSupport.parkNanos(Duration.ofMillis(10).toNanos());
        }
    }

    @AfterEach
    void end() {
        server.destroyForcibly();
    }

    private String socket() {
        return directory.resolve("run").resolve("s.sock").toString();
    }

    @Test
    void healthAndStatsTellOfTheServer() throws Exception {
        Finished health = run("health", "--socket", socket());
        assertThat(health.status()).as(health.err()).isZero();
        assertThat(health.out())
                .contains("server " + server.pid())
                .contains("healthy")
                .contains("tiers cpu");

        Finished table = run("stats", "--socket", socket());
        assertThat(table.status()).as(table.err()).isZero();
        assertThat(table.out()).contains("0 sessions").contains("32.0 MiB");

        Finished stats = run("stats", "--json", "--socket", socket());
        assertThat(stats.status()).as(stats.err()).isZero();
        JsonNode json = new ObjectMapper().readTree(stats.out());
        assertThat(json.path("pid").asLong()).isEqualTo(server.pid());
        assertThat(json.path("tiers").path("cpu").path("limitBytes").asLong()).isEqualTo(32L << 20);
        assertThat(json.path("tiers").path("cpu").path("counters").has("evicted"))
                .isTrue();
    }

    @Test
    void statsAreRefreshedUntilNobodyReadsThem() throws Exception {
        Process watch = new ProcessBuilder(lmcache("stats", "--json", "--watch", "1", "--socket", socket()))
                .redirectError(directory.resolve("watch.err").toFile())
                .start();
        try {
            try (BufferedReader lines = watch.inputReader()) {
                for (int i = 0; i < 2; i++) {
                    assertThat(new ObjectMapper().readTree(lines.readLine()).has("tiers"))
                            .isTrue();
                }
            }
            assertThat(watch.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        } finally {
            watch.destroyForcibly();
        }
    }

    @Test
    void clearAsksAndRemovesWhenToldTo() throws Exception {
        Finished unasked = run("clear", "--socket", socket());
        assertThat(unasked.status()).isEqualTo(2);
        assertThat(unasked.err()).contains("--yes").hasLineCount(1);

        Finished all = run("clear", "--yes", "--socket", socket());
        assertThat(all.status()).as(all.err()).isZero();
        assertThat(all.out()).contains("removed all 0 chunks");

        Finished one = run("clear", "--yes", "--model", "m", "--socket", socket());
        assertThat(one.status()).as(one.err()).isZero();
        assertThat(one.out()).contains("model 'm'");
    }

    @Test
    void stopEndsTheServerAndNobodyAnswersThen() throws Exception {
        Finished stop = run("stop", "--socket", socket());
        assertThat(stop.status()).as(stop.err()).isZero();
        assertThat(stop.out()).contains("stopped server " + server.pid());
        assertThat(server.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(Path.of(socket())).doesNotExist();

        Finished health = run("health", "--socket", socket());
        assertThat(health.status()).isEqualTo(1);
        assertThat(health.err()).contains("No server answers on " + socket()).hasLineCount(1);
        Finished stats = run("stats", "--socket", socket());
        assertThat(stats.status()).isEqualTo(2);
        assertThat(stats.err()).contains("No server answers on " + socket()).hasLineCount(1);
    }

    private static Finished run(String... arguments) throws Exception {
        return Processes.run(lmcache(arguments), Map.of());
    }

    private static List<String> lmcache(String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                Processes.javaHome().resolve("bin/java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=deny",
                "--illegal-native-access=deny",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-classpath",
                System.getProperty("java.class.path"),
                "io.lmcache.cli.Main"));
        command.addAll(List.of(arguments));
        return command;
    }
}
