package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.holds;
import static io.lmcache.backend.posix.TestBackends.regularFiles;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.chunkfiles.convert.CacheConversion;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A file system without room: a tmpfs of one mebibyte, which only root can mount. */
@Tag("slow")
class FullDiskTest {
    @TempDir
    private Path mount;

    private boolean isMounted;

    @BeforeEach
    void mount() throws Exception {
        isMounted = run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount.toString()) == 0;
        Assumptions.assumeTrue(isMounted, "a tmpfs cannot be mounted here (root only), so no disk can be filled");
    }

    @AfterEach
    void unmount() throws Exception {
        if (isMounted) {
            assertThat(run("umount", mount.toString())).isZero();
        }
    }

    private static int run(String... command) throws Exception {
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
            return process.exitValue();
        } catch (IOException e) {
            return -1;
        }
    }

    @Test
    void olderChunksMakeRoomOnAFullDisk() throws IOException {
        try (StorageBackend backend = TestBackends.open(mount, "min_free_bytes", "0")) {
            for (ChunkKey key : TestChunks.keys(64)) {
                TestBackends.store(backend, key);
                assertThat(holds(backend, key)).isTrue();
            }
            assertThat(TestBackends.count(backend, BackendCounter.EVICTED)).isPositive();
        }
        assertThat(regularFiles(mount)).noneMatch(file -> file.toString().endsWith(".tmp"));
    }

    @Test
    void diskFullOfForeignFilesDeclinesAndLeavesNothingBehind() throws IOException {
        try (StorageBackend backend = TestBackends.open(mount, "min_free_bytes", "0")) {
            Files.write(mount.resolve("foreign"), new byte[1000 << 10]);
            List<CompletableFuture<PutOutcome>> puts = new ArrayList<>();
            for (ChunkKey key : TestChunks.keys(16)) {
                try (BufferLease lease = TestChunks.lease(backend.allocator(), key, TestChunks.META)) {
                    puts.add(backend.put(key, TestChunks.META, lease));
                }
            }
            assertThat(puts)
                    .allSatisfy(put -> assertThat(TestBackends.await(put))
                            .isInstanceOfSatisfying(
                                    PutOutcome.Declined.class,
                                    declined -> assertThat(declined.reason()).isEqualTo(DeclineReason.FULL)));
        }
        assertThat(regularFiles(mount)).noneMatch(file -> file.toString().endsWith(".tmp"));
    }

    @Test
    void concurrentWritersThatFillTheDiskAreDeclinedNotFailed() throws IOException {
        try (StorageBackend backend = TestBackends.open(mount, "min_free_bytes", "0", "io_threads", "32")) {
            Files.write(mount.resolve("foreign"), new byte[800 << 10]);
            for (int round = 0; round < 20; round++) {
                List<CompletableFuture<PutOutcome>> puts = new ArrayList<>();
                for (ChunkKey key : TestChunks.keys(16)) {
                    try (BufferLease lease = TestChunks.lease(backend.allocator(), key, TestChunks.META)) {
                        puts.add(backend.put(key, TestChunks.META, lease));
                    }
                }
                puts.forEach(TestBackends::await);
                TestChunks.keys(16).forEach(key -> holds(backend, key));
                backend.clear();
            }
            assertThat(TestBackends.count(backend, BackendCounter.CORRUPT)).isZero();
            assertThat(TestBackends.count(backend, BackendCounter.IO_ERRORS)).isZero();
        }
    }

    @Test
    void aConversionThatFillsTheDiskStopsAndGoesOnOnceThereIsRoom(@TempDir Path source) throws IOException {
        try (StorageBackend backend = TestBackends.open(source)) {
            TestChunks.keys(8).forEach(key -> TestBackends.store(backend, key));
        }
        Path foreign = Files.write(mount.resolve("foreign"), new byte[700 << 10]);
        CacheConversion.Request request = CacheConversion.Request.converting(
                source,
                mount.resolve("dst"),
                Optional.empty(),
                FileFormat.LMCACHE_0_3_2,
                true,
                Optional.empty(),
                OptionalInt.empty());

        assertThatThrownBy(() -> CacheConversion.run(request, NOBODY))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("space");
        Files.delete(foreign);
        CacheConversion.Report report = CacheConversion.run(request, NOBODY);

        assertThat(report.isComplete()).isTrue();
        assertThat(report.present()).isPositive();
        assertThat(report.converted() + report.present()).isEqualTo(8);
        assertThat(regularFiles(mount)).noneMatch(file -> file.toString().endsWith(".tmp"));
    }

    private static final CacheConversion.Listener NOBODY = new CacheConversion.Listener() {
        @Override
        public void begin(long files) {}

        @Override
        public void done() {}

        @Override
        public void passedOver(String path, String reason) {
            throw new AssertionError(path + " " + reason);
        }

        @Override
        public void notCarried(Path file, String reason) {
            throw new AssertionError(file + " " + reason);
        }
    };

    @Test
    void fileSystemThatIsReadOnlyServesReadersAndStoresOnceItCanBeWrittenTo() throws Exception {
        List<ChunkKey> keys = TestChunks.keys(4);
        try (StorageBackend backend = TestBackends.open(mount, "min_free_bytes", "0")) {
            keys.forEach(key -> TestBackends.store(backend, key));
        }
        assertThat(run("mount", "-o", "remount,ro", mount.toString())).isZero();
        ChunkKey another = TestChunks.key(4);
        try (StorageBackend backend = TestBackends.open(mount, "max_bytes", "900000", "min_free_bytes", "0")) {
            assertThat(TestBackends.await(backend.containsPrefix(keys))).isEqualTo(keys.size());
            assertThat(keys).allMatch(key -> holds(backend, key));
            assertThat(TestBackends.put(backend, another, TestChunks.META))
                    .isInstanceOfSatisfying(PutOutcome.Declined.class, declined -> {
                        assertThat(declined.reason()).isEqualTo(DeclineReason.UNAVAILABLE);
                        assertThat(declined.message()).contains("read-only");
                    });
            assertThat(TestBackends.count(backend, BackendCounter.IO_ERRORS)).isZero();

            assertThat(run("mount", "-o", "remount,rw", mount.toString())).isZero();
            TestBackends.store(backend, another);
            assertThat(holds(backend, another)).isTrue();
        }
        assertThat(regularFiles(mount.resolve(".lmcache/writers"))).isEmpty();
    }

    @Test
    void fileSystemThatIsReadOnlyAndHasNoSuchDirectoryFailsTheStart() throws Exception {
        assertThat(run("mount", "-o", "remount,ro", mount.toString())).isZero();
        assertThatThrownBy(() -> TestBackends.open(mount.resolve("cache")).close())
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.START_FAILED))
                .hasMessageContaining("cannot be used")
                .hasMessageContaining("name a path where this user may create files");
    }

    @Test
    void chunksMakeRoomWhereInodesAreUsedUp() throws Exception {
        assertThat(run("mount", "-o", "remount,size=16m,nr_inodes=120", mount.toString()))
                .isZero();
        try (StorageBackend backend = TestBackends.open(mount, "min_free_bytes", "0")) {
            for (ChunkKey key : TestChunks.keys(100)) {
                TestBackends.store(backend, key);
                assertThat(holds(backend, key)).isTrue();
            }
            assertThat(TestBackends.count(backend, BackendCounter.EVICTED)).isPositive();
            assertThat(TestBackends.count(backend, BackendCounter.IO_ERRORS)).isZero();
        }
    }

    @Test
    void directIoOnAFileSystemThatRefusesItOrNotStoresAllTheSame() {
        try (StorageBackend backend = TestBackends.open(mount, "min_free_bytes", "0", "use_direct_io", "true")) {
            TestBackends.store(backend, TestChunks.key(1));
            assertThat(holds(backend, TestChunks.key(1))).isTrue();
        }
    }
}
