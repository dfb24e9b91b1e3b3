package io.lmcache.backend.gds;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.cuda.CudaAvailability;
import io.lmcache.cuda.CudaDriver;
import io.lmcache.testkit.TestChunks;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One directory, and several GPUs or processes that use it. */
@Tag("gpu")
class GpuSharingTest {
    @TempDir
    private Path root;

    @BeforeEach
    void requireGpu() {
        assumeTrue(devices() > 0, "no GPU here");
    }

    private static int devices() {
        return CudaDriver.availability() instanceof CudaAvailability.Available(int devices, int _) ? devices : 0;
    }

    @Test
    void whatOneProcessStoresAnotherFinds() throws Exception {
        List<ChunkKey> keys = TestChunks.keys(16);
        try (StorageBackend backend = open(root.toString(), 0)) {
            for (ChunkKey key : keys.subList(0, 8)) {
                store(backend, key);
            }
            assertThat(OtherProcess.run(root)).isZero();
            for (ChunkKey key : keys) {
                assertHolds(backend, key);
            }
        }
    }

    /** Expects the first 8 chunks, and stores 8 more. */
    static final class OtherProcess {
        static int run(Path root) throws IOException, InterruptedException {
            String classes = System.getProperty("java.class.path")
                    + File.pathSeparator
                    + System.getProperty("jdk.module.path", "");
            Process process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "--enable-native-access=ALL-UNNAMED",
                            "-cp",
                            classes,
                            OtherProcess.class.getName(),
                            root.toString())
                    .inheritIO()
                    .start();
            if (!process.waitFor(1, TimeUnit.MINUTES)) {
                process.destroyForcibly();
                throw new AssertionError("the other process does not end");
            }
            return process.exitValue();
        }

        static void main(String[] arguments) throws Exception {
            List<ChunkKey> keys = TestChunks.keys(16);
            try (StorageBackend backend = open(arguments[0], 0)) {
                for (ChunkKey key : keys.subList(0, 8)) {
                    assertHolds(backend, key);
                }
                for (ChunkKey key : keys.subList(8, 16)) {
                    store(backend, key);
                }
            }
        }
    }

    @Test
    @Tag("gpus")
    void twoDevicesOfOneProcessEachWriteToTheirOwnPathAndReadBoth() throws Exception {
        assumeTrue(devices() > 1, "one GPU only");
        List<ChunkKey> keys = TestChunks.keys(2);
        Path one = root.resolve("one");
        Path two = root.resolve("two");
        try (StorageBackend first = open(one + "," + two, 0);
                StorageBackend second = open(one + "," + two, 1)) {
            store(first, keys.get(0));
            store(second, keys.get(1));
            assertThat(chunkFiles(one)).as("chunks of one GPU").isOne();
            assertThat(chunkFiles(two)).as("chunks of the other").isOne();
            for (ChunkKey key : keys) {
                assertHolds(first, key);
                assertHolds(second, key);
            }
        }
    }

    private static long chunkFiles(Path path) throws IOException {
        try (Stream<Path> files = Files.walk(path)) {
            return files.filter(file -> file.toString().endsWith(".safetensors"))
                    .count();
        }
    }

    private static StorageBackend open(String paths, int device) {
        return new GdsBackendProvider()
                .create(
                        BackendSettings.of(
                                "gds",
                                Map.of(
                                        "path",
                                        paths,
                                        "device",
                                        Integer.toString(device),
                                        "buffer_bytes",
                                        Integer.toString(8 << 20),
                                        "io_threads",
                                        "4",
                                        "min_free_bytes",
                                        "0")),
                        new BackendContext("test", Clock.systemUTC()));
    }

    private static void store(StorageBackend backend, ChunkKey key) throws Exception {
        try (BufferLease lease =
                backend.allocator().tryAllocate(TestChunks.META.byteSize()).orElseThrow()) {
            DeviceChunks.fill(key, (DeviceBuffer) lease.buffer());
            PutOutcome outcome = backend.put(key, TestChunks.META, lease).get(10, TimeUnit.SECONDS);
            assertThat(outcome).isEqualTo(PutOutcome.stored());
        }
    }

    private static void assertHolds(StorageBackend backend, ChunkKey key) throws Exception {
        try (StoredChunk chunk = Objects.requireNonNull(
                        backend.get(key, backend.allocator()).get(10, TimeUnit.SECONDS))
                .orElseThrow()) {
            DeviceChunks.requireIntact(key, (DeviceBuffer) chunk.lease().buffer());
        }
    }
}
