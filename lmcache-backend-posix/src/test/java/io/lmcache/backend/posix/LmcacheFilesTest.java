package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.await;
import static io.lmcache.backend.posix.TestBackends.count;
import static io.lmcache.backend.posix.TestBackends.holds;
import static io.lmcache.backend.posix.TestBackends.put;
import static io.lmcache.backend.posix.TestBackends.quarantined;
import static io.lmcache.backend.posix.TestBackends.regularFiles;
import static io.lmcache.backend.posix.TestBackends.store;
import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.directory.DirectorySettings;
import io.lmcache.chunkfiles.directory.DirectorySettings.Sharding;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.testkit.TestChunks;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What becomes of LMCache's files in a chunk directory, and of keys that they cannot express. */
class LmcacheFilesTest {
    private static final ChunkKey KEY = TestChunks.key(1);

    @TempDir
    private Path root;

    private StorageBackend open(FileFormat format, String... settings) {
        String[] all = Arrays.copyOf(settings, settings.length + 2);
        all[settings.length] = "file_format";
        all[settings.length + 1] = format.name().toLowerCase(Locale.ROOT);
        return TestBackends.open(root, all);
    }

    private Path file(FileFormat format, ChunkKey key) {
        return root.resolve(((ChunkName.Below) format.create(true, true).name(key)).path());
    }

    private static Path metadata(Path file) {
        return file.resolveSibling(file.getFileName() + ".metadata");
    }

    // Keys

    static Stream<Arguments> inexpressible() {
        KeyScope scope = TestChunks.SCOPE;
        return Stream.of(
                Arguments.of(FileFormat.LMCACHE_0_3_2, KeyScope.of("org/my_model", TestChunks.LAYOUT), "'_'"),
                Arguments.of(FileFormat.LMCACHE_0_3_2, KeyScope.of("a@b", TestChunks.LAYOUT), "'@'"),
                Arguments.of(FileFormat.LMCACHE_0_3_2, KeyScope.of("a\0b", TestChunks.LAYOUT), "zero characters"),
                Arguments.of(FileFormat.LMCACHE_0_3_2, scope.withTags(Map.of("a", "b")), "no tags"),
                Arguments.of(FileFormat.LMCACHE_0_3_2, KeyScope.of("m".repeat(200), TestChunks.LAYOUT), "255"),
                Arguments.of(FileFormat.LMCACHE_0_3_2, KeyScope.of("m", KvLayout.mla(KvDtype.BOOL, 1, 256)), "bool"),
                Arguments.of(FileFormat.LMCACHE_0_5, KeyScope.of("a@b", TestChunks.LAYOUT), "'@'"),
                Arguments.of(FileFormat.LMCACHE_0_5, scope.withTags(Map.of("a@", "b")), "tag"),
                Arguments.of(FileFormat.LMCACHE_0_5, scope.withTags(Map.of("a%", "b")), "tag"),
                Arguments.of(FileFormat.LMCACHE_0_5, scope.withTags(Map.of("a", "@")), "tag"),
                Arguments.of(FileFormat.LMCACHE_0_5, KeyScope.of("模".repeat(30), TestChunks.LAYOUT), "255"),
                Arguments.of(
                        FileFormat.LMCACHE_0_5, KeyScope.of("m", KvLayout.mla(KvDtype.FP8_E5M2FNUZ, 1, 256)), "fnuz"));
    }

    @ParameterizedTest
    @MethodSource("inexpressible")
    void keyThatLmcacheCannotExpressIsDeclinedAndAMiss(FileFormat format, KeyScope scope, String reason)
            throws IOException {
        ChunkKey key = TestChunks.key(scope, 1);
        try (StorageBackend backend = open(format)) {
            assertThat(put(backend, key, new ChunkMeta(scope.layout(), 16)))
                    .isInstanceOfSatisfying(PutOutcome.Declined.class, declined -> {
                        assertThat(declined.reason()).isEqualTo(DeclineReason.UNSUPPORTED);
                        assertThat(declined.message()).contains(reason);
                    });
            assertThat(count(backend, BackendCounter.INEXPRESSIBLE)).isOne();
            assertThat(count(backend, BackendCounter.DECLINED)).isOne();
            assertThat(holds(backend, key)).isFalse();
            assertThat(await(backend.containsPrefix(List.of(key)))).isZero();
            assertThat(await(backend.tryInvalidate(key))).isFalse();
            assertThat(backend.tryPin(key)).isEmpty();
            assertThat(regularFiles(root)).allMatch(file -> file.toString().contains(".lmcache"));
        }
    }

    @Test
    void whyAKeyIsDeclinedIsSaidOnce() {
        PrintStream before = System.err;
        ByteArrayOutputStream log = new ByteArrayOutputStream();
        System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
        try (StorageBackend backend = open(FileFormat.LMCACHE_0_3_2)) {
            for (int number = 0; number < 3; number++) {
                put(backend, TestChunks.key(KeyScope.of("my_model", TestChunks.LAYOUT), number), TestChunks.META);
            }
            assertThat(count(backend, BackendCounter.INEXPRESSIBLE)).isEqualTo(3);
        } finally {
            System.setErr(before);
        }
        assertThat(log.toString(StandardCharsets.UTF_8))
                .containsOnlyOnce("does not store chunks such as my_model@1@0@half@KV_2LTD-2x2x16")
                .containsOnlyOnce("writes '/' as '_'; use file_format lmcache_0_5 or native");
    }

    @Test
    void aHashOfTooFewDigitsForTwoDirectoriesIsDeclined() {
        ChunkKey key = new ChunkKey(TestChunks.SCOPE, ChunkHash.ofHex("00000000000003e7"));
        ChunkKey next = new ChunkKey(TestChunks.SCOPE, ChunkHash.ofHex("00000000000003e8"));
        try (StorageBackend backend = open(FileFormat.LMCACHE_0_5)) {
            assertThat(put(backend, key, TestChunks.META)).isInstanceOf(PutOutcome.Declined.class);
            store(backend, next);
            assertThat(file(FileFormat.LMCACHE_0_5, next).getParent()).isEqualTo(root.resolve("10/00"));
        }
    }

    @Test
    void aHashIsANumberWithASignOrWithout() {
        ChunkKey key = new ChunkKey(KeyScope.of("m", TestChunks.LAYOUT), ChunkHash.ofHex("b8a960cfcc69e7a5"));
        assertThat(FileFormat.LMCACHE_0_5.create(true, false).name(key))
                .isEqualTo(new ChunkName.Below("13/30/m%401%400%40b8a960cfcc69e7a5%40half.kvcache.safetensors"));
        assertThat(FileFormat.LMCACHE_0_5.create(true, true).name(key))
                .isEqualTo(new ChunkName.Below("-5/14/m%401%400%40-47569f303396185b%40half.kvcache.safetensors"));
    }

    // Files that are not what they should be

    private static byte[] flip(byte[] bytes, int index) {
        bytes[index] ^= 1;
        return bytes;
    }

    @ParameterizedTest
    @EnumSource
    void damagedPayloadIsAMissAndGoesWithItsMetadata(FileFormat format) throws IOException {
        for (String direct : List.of("false", "true")) {
            try (StorageBackend backend = open(format, "use_direct_io", direct)) {
                store(backend, KEY);
                Path file = file(format, KEY);
                Files.write(file, flip(Files.readAllBytes(file), 5000));

                assertThat(holds(backend, KEY)).isFalse();
                assertThat(count(backend, BackendCounter.CORRUPT)).isOne();
                assertThat(file).doesNotExist();
                assertThat(metadata(file)).doesNotExist();
                assertThat(quarantined(root)).singleElement().satisfies(Files::delete);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = "LMCACHE.*", mode = EnumSource.Mode.MATCH_ALL)
    void swappedFilesAreMisses(FileFormat format) throws IOException {
        ChunkKey other = TestChunks.key(2);
        try (StorageBackend backend = open(format)) {
            store(backend, KEY);
            store(backend, other);
            byte[] bytes = Files.readAllBytes(file(format, KEY));
            Files.copy(file(format, other), file(format, KEY), java.nio.file.StandardCopyOption.REPLACE_EXISTING);
            Files.write(file(format, other), bytes);

            assertThat(holds(backend, KEY)).isFalse();
            assertThat(holds(backend, other)).isFalse();
            assertThat(quarantined(root)).hasSize(2);
        }
    }

    @ParameterizedTest
    @EnumSource(names = "LMCACHE.*", mode = EnumSource.Mode.MATCH_ALL)
    void withoutAChecksumLengthAndHeaderAreChecked(FileFormat format) throws IOException {
        try (StorageBackend backend = open(format, "file_checksum", "false")) {
            for (int length : List.of(0, 4095, 4096, 8192, 4096 + 65_535, 4096 + 65_537)) {
                store(backend, KEY);
                Path file = file(format, KEY);
                Files.write(file, Arrays.copyOf(Files.readAllBytes(file), length));
                assertThat(holds(backend, KEY)).as("%d bytes", length).isFalse();
                assertThat(file).as("%d bytes", length).doesNotExist();
            }
            for (int index : List.of(0, 6, 7, 9, 30, 4000)) {
                store(backend, KEY);
                Path file = file(format, KEY);
                byte[] bytes = Files.readAllBytes(file);
                bytes[index] = (byte) 0xff;
                Files.write(file, bytes);
                assertThat(holds(backend, KEY)).as("byte %d", index).isFalse();
            }
        }
    }

    /** What the documentation says: nobody can know, and nobody is told otherwise. */
    @Test
    void withoutAChecksumDamagedPayloadIsDelivered() throws IOException {
        try (StorageBackend backend = open(FileFormat.LMCACHE_0_5, "file_checksum", "false")) {
            store(backend, KEY);
            Path file = file(FileFormat.LMCACHE_0_5, KEY);
            Files.write(file, flip(Files.readAllBytes(file), 5000));
            Optional<StoredChunk> found = await(backend.get(KEY, backend.allocator()));
            assertThat(found).isPresent();
            found.get().close();
        }
    }

    @Test
    void aChunkOfAnotherDtypeUnderTheSameNameIsAMissAndStays() throws IOException {
        KeyScope brain = KeyScope.of(TestChunks.SCOPE.model(), KvLayout.kv(KvDtype.BFLOAT16, 2, 2, 16));
        ChunkKey other = new ChunkKey(brain, KEY.hash());
        try (StorageBackend backend = open(FileFormat.LMCACHE_0_3_2)) {
            store(backend, KEY);
            assertThat(file(FileFormat.LMCACHE_0_3_2, other)).exists();

            assertThat(holds(backend, other)).isFalse();
            assertThat(count(backend, BackendCounter.OTHER)).isOne();
            assertThat(count(backend, BackendCounter.CORRUPT)).isZero();
            assertThat(holds(backend, KEY)).isTrue();
        }
    }

    @Test
    void aHeaderOfAVersionToComeIsAMissAndStays() throws IOException {
        try (StorageBackend backend = open(FileFormat.LMCACHE_0_5)) {
            store(backend, KEY);
            Path file = file(FileFormat.LMCACHE_0_5, KEY);
            String text = Files.readString(file, StandardCharsets.ISO_8859_1);
            Files.writeString(
                    file,
                    text.replace("\"lmcache_version\": \"1\"", "\"lmcache_version\": \"2\""),
                    StandardCharsets.ISO_8859_1);

            assertThat(holds(backend, KEY)).isFalse();
            assertThat(count(backend, BackendCounter.OTHER)).isOne();
            assertThat(file).exists();
            assertThat(metadata(file)).exists();
        }
    }

    // Metadata files

    @ParameterizedTest
    @EnumSource(names = "LMCACHE.*", mode = EnumSource.Mode.MATCH_ALL)
    void metadataComesAndGoesWithItsChunk(FileFormat format) throws IOException {
        try (StorageBackend backend = open(format, "fsync", "full")) {
            store(backend, KEY);
            Path file = file(format, KEY);
            byte[] header = Arrays.copyOf(Files.readAllBytes(file), 4096);
            assertThat(metadata(file)).hasBinaryContent(header);
            assertThat(Files.getLastModifiedTime(metadata(file)).toInstant())
                    .isAfterOrEqualTo(
                            Files.getLastModifiedTime(file).toInstant().minusMillis(100));

            assertThat(await(backend.tryInvalidate(KEY))).isTrue();
            assertThat(regularFiles(file.resolveSibling("."))).isEmpty();

            store(backend, KEY);
            backend.clear();
            assertThat(regularFiles(file.resolveSibling("."))).isEmpty();
        }
    }

    @Test
    void aChunkWhoseWriterDiedBeforeTheMetadataIsRead() throws IOException {
        try (StorageBackend backend = open(FileFormat.LMCACHE_0_5)) {
            store(backend, KEY);
        }
        Files.delete(metadata(file(FileFormat.LMCACHE_0_5, KEY)));
        try (StorageBackend backend = open(FileFormat.LMCACHE_0_5)) {
            assertThat(holds(backend, KEY)).isTrue();
        }
    }

    @Test
    void aDirectoryInThePlaceOfTheMetadataMakesRoomForIt() throws IOException {
        Path file = file(FileFormat.LMCACHE_0_5, KEY);
        Files.createDirectories(metadata(file).resolve("child"));
        try (StorageBackend backend = open(FileFormat.LMCACHE_0_5)) {
            store(backend, KEY);
            assertThat(metadata(file)).isRegularFile();
            assertThat(holds(backend, KEY)).isTrue();
        }
    }

    @Test
    void metadataWithoutItsChunkIsRemovedOnceItIsOld() throws Exception {
        Path old = file(FileFormat.LMCACHE_0_5, KEY);
        Path fresh = file(FileFormat.LMCACHE_0_5, TestChunks.key(2));
        Path whole = file(FileFormat.LMCACHE_0_5, TestChunks.key(3));
        try (StorageBackend backend = open(FileFormat.LMCACHE_0_5)) {
            for (int number = 1; number <= 3; number++) {
                store(backend, TestChunks.key(number));
            }
        }
        Files.delete(old);
        Files.delete(fresh);
        for (Path file : List.of(old, whole)) {
            Files.setLastModifiedTime(
                    metadata(file), FileTime.from(Instant.now().minus(Duration.ofMinutes(2))));
        }
        // A limit makes a sweep look at the chunks.
        DirectorySettings settings = DirectorySettings.from(
                BackendSettings.of("posix", Map.of("gds_ttl_secs", "3600")), Sharding.BY_HASH, List.of(root));
        try (ChunkDirectory directory = ChunkDirectory.open(
                settings, FileFormat.LMCACHE_0_5.create(true, true), ChunkDirectory.newCounters(), Clock.systemUTC())) {
            directory.clean().get(10, TimeUnit.SECONDS);
        }
        assertThat(metadata(old)).doesNotExist();
        assertThat(metadata(fresh)).exists();
        assertThat(metadata(whole)).exists();
    }

    /** By the files' names, so also where the file is one layer of a chunk, or its header is damaged. */
    @ParameterizedTest
    @EnumSource(names = "LMCACHE.*", mode = EnumSource.Mode.MATCH_ALL)
    void clearOfOneModelKnowsItByTheFilesNames(FileFormat format) throws IOException {
        ChunkKey other = TestChunks.key(KeyScope.of("test/model-2", TestChunks.LAYOUT), 1);
        try (StorageBackend backend = open(format)) {
            store(backend, KEY);
            store(backend, other);
            Path file = file(format, KEY);
            Path layer = file.resolveSibling(
                    switch (format) {
                        case LMCACHE_0_3_2 -> file.getFileName().toString().replace(".kvcache", "@0.kvcache");
                        case LMCACHE_0_5 -> file.getFileName().toString().replace(".kvcache", "%400.kvcache");
                        case NATIVE -> throw new AssertionError(format);
                    });
            Files.copy(file, layer);
            Files.write(file, new byte[10]);
            backend.clear("test/model");
            assertThat(file).doesNotExist();
            assertThat(metadata(file)).doesNotExist();
            assertThat(layer).doesNotExist();
            assertThat(holds(backend, other)).isTrue();
        }
    }

    // Bounds

    @ParameterizedTest
    @EnumSource(names = "LMCACHE.*", mode = EnumSource.Mode.MATCH_ALL)
    void theBudgetCountsMetadataToo(FileFormat format) throws IOException {
        long limit = 5 * (65_536 + 2 * 4096);
        try (StorageBackend backend = open(format, "max_bytes", Long.toString(limit))) {
            for (ChunkKey key : TestChunks.keys(12)) {
                store(backend, key);
                long bytes = regularFiles(root).stream()
                        .filter(file -> !file.toString().contains(".lmcache"))
                        .mapToLong(file -> file.toFile().length())
                        .sum();
                assertThat(bytes).isLessThanOrEqualTo(limit);
            }
            assertThat(count(backend, BackendCounter.EVICTED)).isPositive();
            assertThat(holds(backend, TestChunks.key(11))).isTrue();
        }
    }

    @Test
    void theBudgetHoldsForFilesOfEveryFormat() throws IOException {
        GoldenChunks.of05().forEach(golden -> write(golden.chunk()));
        write(GoldenChunks.layer());
        assertThat(regularFiles(root)).hasSizeGreaterThan(30);
        try (StorageBackend backend = open(FileFormat.NATIVE, "max_bytes", "75000", "min_free_bytes", "0")) {
            store(backend, KEY);
            assertThat(regularFiles(root).stream()
                            .filter(file -> !file.toString().contains(".lmcache")))
                    .as("one native chunk takes all the room there is")
                    .containsExactly(file(FileFormat.NATIVE, KEY));
        }
    }

    private void write(LmcacheWriter.Chunk chunk) {
        try {
            LmcacheWriter.write05(root, chunk);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void formatsInOneDirectoryDoNotSeeEachOther() throws IOException {
        for (FileFormat writer : FileFormat.values()) {
            try (StorageBackend backend = open(writer)) {
                assertThat(holds(backend, KEY)).as("%s", writer).isFalse();
                store(backend, KEY);
            }
        }
        for (FileFormat reader : FileFormat.values()) {
            try (StorageBackend backend = open(reader)) {
                assertThat(holds(backend, KEY)).as("%s", reader).isTrue();
            }
        }
        assertThat(regularFiles(root).stream().filter(file -> file.toString().endsWith(".safetensors")))
                .hasSize(3);
    }
}
