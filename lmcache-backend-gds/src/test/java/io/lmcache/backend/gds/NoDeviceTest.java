package io.lmcache.backend.gds;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lmcache.api.LmcacheException;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A machine without a GPU, in a process of its own: in this one the stand-ins may be loaded. */
class NoDeviceTest {
    @TempDir
    private Path folder;

    @Test
    void withoutADriverTheStartFailsWithTheReasonAndLeavesNothing() throws IOException, InterruptedException {
        assumeTrue(!hasDriver(), "this machine has a CUDA driver");
        Process child = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Main.class.getName(),
                        folder.resolve("chunks").toString())
                .redirectErrorStream(true)
                .start();
        String output = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(output)
                .startsWith("START_FAILED: no CUDA device: ")
                .containsAnyOf(
                        "this machine has no NVIDIA GPU; nothing is missing",
                        "libcuda.so.1 not found; install the NVIDIA driver")
                .hasLineCount(1);
        assertThat(folder.resolve("chunks")).doesNotExist();
    }

    private static boolean hasDriver() throws IOException {
        try (Stream<Path> devices = Files.list(Path.of("/dev"))) {
            return devices.anyMatch(device -> device.getFileName().toString().startsWith("nvidia"));
        }
    }

    /** Starts a backend and says how that went. */
    static final class Main {
        private Main() {}

        public static void main(String[] args) {
            try {
                new GdsBackendProvider()
                        .create(
                                BackendSettings.of("gds", Map.of("path", args[0])),
                                new BackendContext("test", Clock.systemUTC()));
                System.out.println("started");
            } catch (LmcacheException e) {
                System.out.println(e.code() + ": " + e.getMessage());
            }
        }
    }
}
