package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.await;
import static io.lmcache.backend.posix.TestBackends.count;
import static io.lmcache.backend.posix.TestBackends.file;
import static io.lmcache.backend.posix.TestBackends.holds;
import static io.lmcache.backend.posix.TestBackends.put;
import static io.lmcache.backend.posix.TestBackends.regularFiles;
import static io.lmcache.backend.posix.TestBackends.store;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.testkit.LeakCheck;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class PosixBackendTest {
    private static final ChunkKey KEY = TestChunks.key(1);

    @RegisterExtension
    final LeakCheck leaks = new LeakCheck();

    @TempDir
    private Path root;

    @Test
    void directoryThatOthersMayWriteToIsRefusedWhereThatIsAsked() throws IOException {
        for (String mode : List.of("rwxrwx---", "rwx----w-")) {
            Files.setPosixFilePermissions(root, PosixFilePermissions.fromString(mode));
            assertThatThrownBy(() -> TestBackends.open(root, "gds_path_others_may_write", "refuse"))
                    .isInstanceOfSatisfying(
                            LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.START_FAILED))
                    .hasMessageContaining("others may write there")
                    .hasMessageContaining("chmod 700");
            assertThat(root).isEmptyDirectory();
        }
        for (String answer : List.of("warn", "allow")) {
            try (StorageBackend backend = TestBackends.open(root, "gds_path_others_may_write", answer)) {
                assertThat(holds(backend, KEY)).isFalse();
            }
        }
        Files.setPosixFilePermissions(root, PosixFilePermissions.fromString("rwxr-x---"));
        TestBackends.open(root, "gds_path_others_may_write", "refuse").close();
    }

    @Test
    void providerIsFoundOnTheClassPathAndOnTheModulePath() throws Exception {
        assertThat(ServiceLoader.load(StorageBackendProvider.class))
                .extracting(StorageBackendProvider::name)
                .containsExactly("posix");

        Path classes = Path.of(PosixBackendProvider.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        ModuleReference module =
                ModuleFinder.of(classes).find("io.lmcache.backend.posix").orElseThrow();
        assertThat(module.descriptor().provides())
                .singleElement()
                .satisfies(provides ->
                        assertThat(provides.providers()).containsExactly(PosixBackendProvider.class.getName()));
    }

    // Files

    @Test
    void aStockReaderOfSafetensorsReadsTheFile() throws IOException {
        try (StorageBackend backend = TestBackends.open(root)) {
            store(backend, KEY);
            SafetensorsReader read = SafetensorsReader.read(file(root, KEY));

            assertThat(read.name()).isEqualTo("kvcache");
            assertThat(read.dtype()).isEqualTo("F16");
            assertThat(read.shape()).containsExactly(2L, 2L, 256L, 32L);
            assertThat(read.metadata())
                    .containsEntry("key", KEY.text())
                    .containsEntry("tokens", "256")
                    .containsEntry("memory_format", "KV_2LTD")
                    .containsEntry("format_version", "1");
            try (BufferLease expected = TestChunks.lease(backend.allocator(), KEY, TestChunks.META)) {
                assertThat(read.payload())
                        .isEqualTo(TestChunks.hostSegment(expected).asByteBuffer());
            }
        }
    }

    @ParameterizedTest
    @EnumSource(KvDtype.class)
    void everyDtypeIsAValidTensorForOthers(KvDtype dtype) throws IOException {
        ChunkMeta meta = new ChunkMeta(KvLayout.mla(dtype, 3, 5), 7);
        ChunkKey key = TestChunks.key(KeyScope.of("m", meta.layout()), 1);
        try (StorageBackend backend = TestBackends.open(root)) {
            assertThat(put(backend, key, meta)).isEqualTo(PutOutcome.stored());
            SafetensorsReader read = SafetensorsReader.read(file(root, key));
            assertThat((long) read.payload().remaining())
                    .isEqualTo(read.shape().stream().reduce((long) dtype.bytes(), (a, b) -> a * b));
        }
    }

    @Test
    void filesAndDirectoriesAreForTheirOwnerOnly() throws IOException {
        Path created = root.resolve("new/deeper");
        try (StorageBackend backend = TestBackends.open(created)) {
            store(backend, KEY);
            try (var all = Files.walk(root.resolve("new"))) {
                for (Path path : all.toList()) {
                    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                            .as("%s", path)
                            .isEqualTo(Files.isDirectory(path) ? "rwx------" : "rw-------");
                }
            }
        }
    }

    @Test
    void nothingButTheChunksIsLeftAfterClose() throws IOException {
        try (StorageBackend backend = TestBackends.open(root)) {
            store(backend, KEY);
        }
        assertThat(regularFiles(root))
                .extracting(Path::getFileName)
                .map(Path::toString)
                .containsExactlyInAnyOrder(file(root, KEY).getFileName().toString(), "janitor.lock");
    }

    @ParameterizedTest
    @ValueSource(strings = {"none", "data", "full"})
    void everyKindOfFsyncStores(String fsync) {
        try (StorageBackend backend = TestBackends.open(root, "fsync", fsync)) {
            store(backend, KEY);
            assertThat(holds(backend, KEY)).isTrue();
        }
    }

    @ParameterizedTest
    @CsvSource({"false", "true"})
    void largeChunksOfEveryLengthComeBack(boolean useDirectIo) {
        try (StorageBackend backend = TestBackends.open(root, "use_direct_io", String.valueOf(useDirectIo))) {
            int piece = 4 << 20;
            for (int bytes : new int[] {piece - 1, piece, piece + 1, 2 * piece + 4096, 3 * piece + 4095}) {
                ChunkMeta meta = new ChunkMeta(KvLayout.mla(KvDtype.UINT8, 1, 1), bytes);
                ChunkKey key = TestChunks.key(KeyScope.of("m", meta.layout()), bytes);
                assertThat(put(backend, key, meta)).isEqualTo(PutOutcome.stored());
                assertThat(holds(backend, key)).as("%d bytes", bytes).isTrue();
            }
        }
    }

    // Lookup

    @Test
    void prefixOnDiskIsFoundByANewInstance() {
        List<ChunkKey> keys = TestChunks.keys(70);
        try (StorageBackend backend = TestBackends.open(root)) {
            keys.subList(0, 40).forEach(key -> store(backend, key));
        }
        try (StorageBackend backend = TestBackends.open(root, "io_threads", "3")) {
            assertThat(await(backend.containsPrefix(keys))).isEqualTo(40);
            assertThat(await(backend.containsPrefix(keys.subList(0, 40)))).isEqualTo(40);
            assertThat(await(backend.containsPrefix(keys.subList(41, 70)))).isZero();
        }
    }

    @Test
    void prefixThatIsKnownIsAnsweredAtOnce() {
        List<ChunkKey> keys = TestChunks.keys(8);
        try (StorageBackend backend = TestBackends.open(root)) {
            keys.forEach(key -> store(backend, key));
            assertThat(backend.containsPrefix(keys)).isCompletedWithValue(8);
        }
    }

    @Test
    void fileThatVanishedAfterLookupIsAMissAndForgotten() throws IOException {
        try (StorageBackend backend = TestBackends.open(root)) {
            store(backend, KEY);
            Files.delete(file(root, KEY));
            assertThat(holds(backend, KEY)).isFalse();
            assertThat(await(backend.containsPrefix(List.of(KEY)))).isZero();
            assertThat(backend.stats().chunks()).isZero();
        }
    }

    @Test
    void directoryThatVanishedMissesAndDoesNotComeBack() throws IOException {
        try (StorageBackend backend = TestBackends.open(root)) {
            store(backend, KEY);
            Path aside = Files.move(root, root.resolveSibling(root.getFileName() + "-aside"));
            assertThat(holds(backend, KEY)).isFalse();
            try (BufferLease lease = TestChunks.lease(backend.allocator(), KEY, TestChunks.META)) {
                assertThatThrownBy(
                                () -> backend.put(KEY, TestChunks.META, lease).join())
                        .hasCauseInstanceOf(IOException.class);
            }
            assertThat(root).doesNotExist();
            // The first sweep may find it gone as well.
            assertThat(count(backend, BackendCounter.IO_ERRORS)).isBetween(1L, 2L);
            Files.move(aside, root);
            assertThat(holds(backend, KEY)).isTrue();
        }
    }

    // Several paths

    @Test
    void chunksSpreadOverThePathsAndAreFoundOnAny() throws IOException {
        Path one = root.resolve("one");
        Path two = root.resolve("two");
        List<ChunkKey> keys = TestChunks.keys(32);
        try (StorageBackend backend = TestBackends.open(root, "path", one + ", " + two)) {
            keys.forEach(key -> store(backend, key));
        }
        assertThat(chunkFiles(one)).isBetween(4L, 28L);
        assertThat(chunkFiles(one) + chunkFiles(two)).isEqualTo(32);
        try (StorageBackend swapped = TestBackends.open(root, "path", two + "," + one)) {
            assertThat(await(swapped.containsPrefix(keys))).isEqualTo(32);
            assertThat(keys).allMatch(key -> holds(swapped, key));
            assertThat(await(swapped.tryInvalidate(keys.getFirst()))).isTrue();
            assertThat(holds(swapped, keys.getFirst())).isFalse();
        }
    }

    @Test
    void withoutAGpuShardingByGpuTakesTheFirstPath() throws IOException {
        Path one = root.resolve("one");
        Path two = root.resolve("two");
        try (StorageBackend backend = TestBackends.open(root, "path", one + "," + two, "sharding", "by_gpu")) {
            TestChunks.keys(8).forEach(key -> store(backend, key));
        }
        assertThat(chunkFiles(one)).isEqualTo(8);
        assertThat(chunkFiles(two)).isZero();
    }

    private static long chunkFiles(Path path) throws IOException {
        return regularFiles(path).stream()
                .filter(file -> file.toString().endsWith(".safetensors"))
                .count();
    }

    // Bad use

    @Test
    void pathThatIsAFileFailsTheStart() throws IOException {
        Path file = Files.writeString(root.resolve("file"), "x");
        assertThat(startFailure(file)).contains(file.toString(), "is a file", "remove it or name another path");
        assertThat(startFailure(file.resolve("below"))).contains("cannot be used", "name a path");
    }

    @Test
    void goodPathIsLeftCleanWhenAnotherFailsTheStart() throws IOException {
        Path good = root.resolve("good");
        Path file = Files.writeString(root.resolve("file"), "x");
        LmcacheException failure = catchThrowableOfType(
                LmcacheException.class,
                () -> TestBackends.open(root, "path", good + "," + file).close());
        assertThat(failure.code()).isEqualTo(ErrorCode.START_FAILED);
        assertThat(regularFiles(good)).isEmpty();
    }

    private static String startFailure(Path path) {
        LmcacheException failure = catchThrowableOfType(
                LmcacheException.class, () -> TestBackends.open(path).close());
        assertThat(failure.code()).isEqualTo(ErrorCode.START_FAILED);
        return String.valueOf(failure.getMessage());
    }

    @ParameterizedTest
    @CsvSource({
        "path, '/a,/a'",
        "sharding, by_luck",
        "io_threads, 0",
        "fsync, maybe",
        "max_bytes, -1",
        "use_direct_io, perhaps",
        "staging_bytes, 1",
    })
    void badSettingIsNamed(String name, String value) {
        assertThatThrownBy(() -> TestBackends.open(root, name, value).close())
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_CONFIGURATION))
                .hasMessageContaining("'" + name + "'")
                .hasMessageContaining("allowed");
    }

    @Test
    void missingPathIsAnInvalidConfiguration() {
        assertThatThrownBy(() -> TestBackends.open(root, "path", " , ").close())
                .hasMessageContaining("needs the setting 'gds_path'");
        assertThatThrownBy(() -> new PosixBackendProvider()
                        .create(BackendSettings.of("posix", Map.of()), TestBackends.CONTEXT)
                        .close())
                .hasMessageContaining("needs the setting 'gds_path'");
    }

    @Test
    void deviceMemoryIsRefused() {
        SlabAllocator device = new SlabAllocator("gpu", new DeviceBuffer(1 << 20, 1 << 20, 0), _ -> {});
        try (StorageBackend backend = TestBackends.open(root);
                BufferLease lease =
                        device.tryAllocate(TestChunks.META.byteSize()).orElseThrow()) {
            assertThatThrownBy(() -> backend.get(KEY, device))
                    .isInstanceOf(LmcacheException.class)
                    .hasMessageContaining("use backend 'gds'");
            assertThat(await(backend.put(KEY, TestChunks.META, lease)))
                    .isInstanceOfSatisfying(
                            PutOutcome.Declined.class,
                            declined -> assertThat(declined.reason()).isEqualTo(DeclineReason.UNSUPPORTED));
        }
        device.close();
    }

    @Test
    void layoutThatIsNotThatOfTheKeyIsRefused() {
        KvLayout other = KvLayout.kv(KvDtype.BFLOAT16, 2, 2, 16);
        try (StorageBackend backend = TestBackends.open(root);
                BufferLease lease = TestChunks.lease(backend.allocator(), KEY, TestChunks.META)) {
            assertThatThrownBy(() -> backend.put(KEY, new ChunkMeta(other, 256), lease))
                    .isInstanceOfSatisfying(
                            LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.LAYOUT_MISMATCH));
        }
    }

    @Test
    void manySmallChunksAtOnceGoThroughAndGiveTheirMemoryBack() {
        SlabAllocator memory = leaks.hostAllocator("caller", 1 << 20);
        ChunkMeta small = new ChunkMeta(TestChunks.LAYOUT, 1);
        try (StorageBackend backend = TestBackends.open(root, "io_threads", "1");
                BufferLease lease = TestChunks.lease(memory, KEY, small)) {
            List<CompletableFuture<PutOutcome>> puts = IntStream.range(0, 4000)
                    .mapToObj(number -> backend.put(TestChunks.key(number), small, lease))
                    .toList();
            assertThat(puts).extracting(TestBackends::await).containsOnly(PutOutcome.stored());
        }
    }

    @Test
    void cancelledGetGivesItsMemoryBack() {
        SlabAllocator memory = leaks.hostAllocator("caller", 1 << 20);
        try (StorageBackend backend = TestBackends.open(root)) {
            store(backend, KEY);
            for (int round = 0; round < 100; round++) {
                CompletableFuture<Optional<StoredChunk>> get = backend.get(KEY, memory);
                if (!get.cancel(false)) {
                    get.join().ifPresent(StoredChunk::close);
                }
            }
        }
    }
}
