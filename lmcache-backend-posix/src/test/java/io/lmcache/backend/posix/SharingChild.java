package io.lmcache.backend.posix;

import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.StorageBackend;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A peer in a process of its own, on the same directory: it looks over all files once, and ends. */
final class SharingChild {
    private SharingChild() {}

    /** Runs the peer; its exit code. */
    static int sweep(Path root) throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx128m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        SharingChild.class.getName(),
                        root.toString())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.INHERIT)
                .start();
        try {
            return process.waitFor(60, TimeUnit.SECONDS) ? process.exitValue() : -1;
        } finally {
            process.destroyForcibly();
        }
    }

    public static void main(String[] arguments) throws Exception {
        Path root = Path.of(arguments[0]);
        try (StorageBackend backend = TestBackends.open(root, "max_bytes", "100000000")) {
            // The first put waits for the first sweep.
            TestBackends.awaitTrue(
                    () -> TestBackends.count(backend, BackendCounter.STALE_TEMPORARIES) > 0,
                    () -> "nothing was cleared away");
        }
    }
}
