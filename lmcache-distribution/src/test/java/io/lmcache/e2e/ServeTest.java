package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.e2e.Processes.Finished;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lmcache serve} as a process: says when it is ready, and ends when it is told to. */
@Tag("slow")
class ServeTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir
    private Path directory;

    @Test
    void servesTheConfiguredTiersUntilItIsTerminated() throws Exception {
        Path config = Files.writeString(
                directory.resolve("lmcache.yaml"),
                "max_local_cpu_size: 0.05\ngds_path: " + directory.resolve("files") + "\n");
        Path socket = directory.resolve("run").resolve("s.sock");
        Path err = directory.resolve("err");
        Path token = Files.createTempFile(directory, "token", "");
        Files.writeString(token, "0123456789abcdef");
        List<String> command = serve(
                "--socket",
                socket.toString(),
                "--config",
                config.toString(),
                "--tcp",
                "0",
                "--token-file",
                token.toString());
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(err.toFile());
        builder.environment().keySet().removeIf(name -> name.startsWith("LMCACHE_"));
        Process process = builder.start();
        try {
            awaitReady(process, err);
            assertThat(Files.readString(err))
                    .matches("lmcache: ready on unix:" + socket + " and 127\\.0\\.0\\.1:[1-9]\\d*, tiers cpu, posix\n");
            assertThat(socket).exists();
            process.destroy();
            assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).as(Files.readString(err)).isZero();
            assertThat(Files.readString(err)).endsWith("\nlmcache: stopped\n");
            assertThat(socket).doesNotExist();
        } finally {
            process.destroyForcibly();
        }
    }

    private static void awaitReady(Process process, Path err) throws IOException {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (process.isAlive()
                && System.nanoTime() - end < 0
                && !Files.readString(err).endsWith("\n")) {
            LockSupport.parkNanos(Duration.ofMillis(10).toNanos());
        }
        assertThat(process.isAlive()).as(Files.readString(err)).isTrue();
    }

    @Test
    void whatItCannotDoIsOneSentence() throws Exception {
        // The directory may be entered by others, as most may.
        var _ = directory.toFile().setExecutable(true, false);
        String socket = directory.resolve("s.sock").toString();
        Finished open = Processes.run(serve("--socket", socket), Map.of("LMCACHE_MAX_LOCAL_CPU_SIZE", "0.01"));
        assertThat(open.status()).isEqualTo(2);
        assertThat(open.err()).contains("a directory of its own").hasLineCount(1);
        Finished port = Processes.run(serve("--tcp", "nowhere:x"), Map.of());
        assertThat(port.status()).isEqualTo(2);
        assertThat(port.err()).contains("no [HOST:]PORT").hasLineCount(1);
        Finished tokenless = Processes.run(serve("--tcp", "0"), Map.of());
        assertThat(tokenless.status()).isEqualTo(2);
        assertThat(tokenless.err()).contains("--token-file").hasLineCount(1);
    }

    /** As the launcher starts it. */
    private static List<String> serve(String... options) {
        List<String> command = new ArrayList<>(List.of(
                Processes.javaHome().resolve("bin/java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=deny",
                "--illegal-native-access=deny",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-classpath",
                System.getProperty("java.class.path"),
                "io.lmcache.cli.Main",
                "serve"));
        command.addAll(List.of(options));
        return command;
    }
}
