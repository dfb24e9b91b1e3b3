package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.regularFiles;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.backend.posix.GoldenChunks.Golden;
import io.lmcache.chunkfiles.convert.CacheConversion;
import io.lmcache.chunkfiles.convert.CacheConversion.Report;
import io.lmcache.chunkfiles.convert.CacheConversion.Request;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CacheConversionTest {
    private static final KvLayout LARGE = KvLayout.kv(KvDtype.HALF, 4, 8, 256);

    @TempDir
    private Path directory;

    private final List<String> problems = new ArrayList<>();
    private long begun;
    private long done;

    private final CacheConversion.Listener listener = new CacheConversion.Listener() {
        @Override
        public void begin(long files) {
            begun = files;
        }

        @Override
        public void done() {
            done++;
        }

        @Override
        public void passedOver(String path, String reason) {
            // What is foreign is no matter of a conversion.
        }

        @Override
        public void notCarried(Path file, String reason) {
            problems.add(reason);
        }
    };

    private Path source() {
        return directory.resolve("src");
    }

    private Path target() {
        return directory.resolve("dst");
    }

    private Report convert(FileFormat to) throws IOException {
        return convert(source(), target(), to, OptionalInt.empty(), Optional.empty());
    }

    private Report convert(Path from, Path into, FileFormat to, OptionalInt kvHeads, Optional<Boolean> signed)
            throws IOException {
        return CacheConversion.run(
                Request.converting(from, into, Optional.empty(), to, false, signed, kvHeads), listener);
    }

    private static StorageBackend open(Path root, FileFormat format, String... settings) {
        String[] all = Arrays.copyOf(settings, settings.length + 2);
        all[settings.length] = "file_format";
        all[settings.length + 1] = format.name().toLowerCase(Locale.ROOT);
        return TestBackends.open(root, all);
    }

    private static Path file(Path root, FileFormat format, ChunkKey key) {
        return root.resolve(((ChunkName.Below) format.create(true, true).name(key)).path());
    }

    private static SortedMap<String, String> files(Path root) throws IOException {
        SortedMap<String, String> files = new TreeMap<>();
        for (Path file : regularFiles(root)) {
            if (!root.relativize(file).startsWith(".lmcache")) {
                files.put(root.relativize(file).toString(), Files.readString(file, StandardCharsets.ISO_8859_1));
            }
        }
        return files;
    }

    /** One chunk of each name: different dtypes of one hash are different files in 0.5 only. */
    private static List<Golden> ofDifferentNames032() {
        return GoldenChunks.of032().stream()
                .filter(golden -> !golden.name().equals("odd name"))
                .filter(golden -> List.of("bfloat16", "zeros", "rank").contains(golden.name()))
                .toList();
    }

    // There and back

    @Test
    void lmcache05GoesToNativeAndBackToTheByte() throws IOException {
        for (Golden golden : GoldenChunks.of05()) {
            if (golden.meta().layout().format().planes() == 2 && !golden.name().equals("partial")) {
                LmcacheWriter.write05(source(), golden.chunk());
            }
        }
        SortedMap<String, String> before = files(source());

        Report there = convert(source(), target(), FileFormat.NATIVE, OptionalInt.of(2), Optional.empty());
        assertThat(problems).isEmpty();
        assertThat(there.converted()).isEqualTo(before.size() / 2);
        assertThat(there.isComplete()).isTrue();
        assertThat(begun).isEqualTo(there.converted());
        assertThat(done).isEqualTo(there.converted());
        try (StorageBackend backend = open(target(), FileFormat.NATIVE)) {
            for (Golden golden : GoldenChunks.of05()) {
                boolean carried = golden.meta().layout().format().planes() == 2;
                assertThat(TestBackends.await(backend.containsPrefix(List.of(golden.key()))))
                        .as("%s", golden)
                        .isEqualTo(carried ? 1 : 0);
            }
        }

        Path back = directory.resolve("back");
        convert(target(), back, FileFormat.LMCACHE_0_5, OptionalInt.empty(), Optional.of(true));
        assertThat(problems).isEmpty();
        assertThat(files(back)).isEqualTo(before);
        assertThat(files(source())).as("the source").isEqualTo(before);
    }

    @Test
    void lmcache032GoesToNativeAndBackToTheByte() throws IOException {
        for (Golden golden : ofDifferentNames032()) {
            LmcacheWriter.write032(source(), golden.chunk());
        }
        convert(source(), target(), FileFormat.NATIVE, OptionalInt.of(2), Optional.empty());
        Path back = directory.resolve("back");
        Report report = convert(target(), back, FileFormat.LMCACHE_0_3_2, OptionalInt.empty(), Optional.empty());
        assertThat(problems).isEmpty();
        assertThat(report.converted()).isEqualTo(3);
        assertThat(files(back)).isEqualTo(files(source()));
    }

    @Test
    void mlaNeedsNoNumberOfHeads() throws IOException {
        Golden mla = GoldenChunks.of05().stream()
                .filter(golden -> golden.name().equals("MLA"))
                .findFirst()
                .orElseThrow();
        LmcacheWriter.write05(source(), mla.chunk());
        assertThat(convert(FileFormat.NATIVE).isComplete()).isTrue();
        assertThat(file(target(), FileFormat.NATIVE, mla.key())).exists();
    }

    @Test
    void largeChunksAndTimesOfLastUseAreCarried() throws IOException {
        ChunkMeta meta = new ChunkMeta(LARGE, 401);
        ChunkKey key = TestChunks.key(KeyScope.of("large", LARGE), 1);
        try (StorageBackend backend = TestBackends.open(source())) {
            assertThat(TestBackends.put(backend, key, meta)).isEqualTo(PutOutcome.stored());
        }
        FileTime lastUse = FileTime.from(Instant.parse("2026-01-02T03:04:05Z"));
        Files.setLastModifiedTime(file(source(), FileFormat.NATIVE, key), lastUse);

        assertThat(convert(FileFormat.LMCACHE_0_3_2).bytes()).isEqualTo(meta.byteSize());
        assertThat(Files.getLastModifiedTime(file(target(), FileFormat.LMCACHE_0_3_2, key)))
                .isEqualTo(lastUse);
        try (StorageBackend backend = open(target(), FileFormat.LMCACHE_0_3_2)) {
            assertThat(TestBackends.holds(backend, key)).isTrue();
        }
    }

    // Again

    private void storeNative(int chunks) {
        try (StorageBackend backend = TestBackends.open(source())) {
            TestChunks.keys(chunks).forEach(key -> TestBackends.store(backend, key));
        }
    }

    @Test
    void whatIsThereIsLeftAloneAndWhatIsMissingOrDamagedIsWritten() throws IOException {
        storeNative(5);
        assertThat(convert(FileFormat.LMCACHE_0_3_2).converted()).isEqualTo(5);
        Path damaged = file(target(), FileFormat.LMCACHE_0_3_2, TestChunks.key(1));
        byte[] bytes = Files.readAllBytes(damaged);
        bytes[5000] ^= 1;
        Files.write(damaged, bytes);
        Path truncated = file(target(), FileFormat.LMCACHE_0_3_2, TestChunks.key(3));
        Files.write(truncated, new byte[10]);
        Files.delete(file(target(), FileFormat.LMCACHE_0_3_2, TestChunks.key(2)));

        Report again = convert(FileFormat.LMCACHE_0_3_2);
        assertThat(again.converted()).isEqualTo(3);
        assertThat(again.present()).isEqualTo(2);
        try (StorageBackend backend = open(target(), FileFormat.LMCACHE_0_3_2)) {
            assertThat(TestChunks.keys(5)).allMatch(key -> TestBackends.holds(backend, key));
        }
    }

    @Test
    void aChunkWhoseMetadataIsMissingIsWrittenAgain() throws IOException {
        storeNative(2);
        convert(FileFormat.LMCACHE_0_3_2);
        Path chunk = file(target(), FileFormat.LMCACHE_0_3_2, TestChunks.key(1));
        Path metadata = chunk.resolveSibling(chunk.getFileName() + ".metadata");
        Files.delete(metadata);

        Report again = convert(FileFormat.LMCACHE_0_3_2);
        assertThat(again.converted()).isOne();
        assertThat(again.present()).isOne();
        assertThat(metadata).exists();
    }

    @Test
    void aSecondWriterOfTheSameFilesDoesNoHarm() throws IOException {
        storeNative(3);
        try (StorageBackend backend = open(target(), FileFormat.LMCACHE_0_3_2)) {
            TestBackends.store(backend, TestChunks.key(1));
            Report report = convert(FileFormat.LMCACHE_0_3_2);
            // The other one's file has a checksum, which was not asked for, and is the same chunk.
            assertThat(report.present()).isOne();
            assertThat(TestChunks.keys(3)).allMatch(key -> TestBackends.holds(backend, key));
        }
    }

    // What cannot be carried

    @Test
    void aHashOfAnotherAlgorithmIsRefused() throws IOException {
        LmcacheWriter.write05(source(), GoldenChunks.of05().getFirst().chunk());
        assertThat(convert(FileFormat.LMCACHE_0_3_2)).isEqualTo(new Report(0, 0, 1, 0, 0));
        assertThat(problems)
                .singleElement()
                .asString()
                .contains("is named by another hash algorithm, of 8 bytes; LMCache 0.3.2 names chunks by SHA-256");

        Path digests = directory.resolve("digests");
        LmcacheWriter.write032(digests, GoldenChunks.of032().getFirst().chunk());
        problems.clear();
        convert(digests, target(), FileFormat.LMCACHE_0_5, OptionalInt.empty(), Optional.of(true));
        assertThat(problems).singleElement().asString().contains("of 32 bytes; LMCache 0.5 names chunks by builtin");
        assertThat(target()).doesNotExist();
    }

    @Test
    void headsOfLmcacheAndSignsOfNativeHaveToBeSaid() throws IOException {
        LmcacheWriter.write05(source(), GoldenChunks.of05().getFirst().chunk());
        convert(FileFormat.NATIVE);
        assertThat(problems).singleElement().asString().contains("give --kv-heads");

        problems.clear();
        convert(source(), target(), FileFormat.NATIVE, OptionalInt.of(5), Optional.empty());
        assertThat(problems).singleElement().asString().contains("12 elements a token and layer, which 5 heads");

        problems.clear();
        convert(source(), target(), FileFormat.NATIVE, OptionalInt.of(2), Optional.empty());
        convert(target(), directory.resolve("back"), FileFormat.LMCACHE_0_5, OptionalInt.empty(), Optional.empty());
        assertThat(problems).singleElement().asString().contains("give --hash builtin or --hash sha256_cbor");
    }

    @Test
    void anUnsignedHashKeepsItsName() throws IOException {
        ChunkKey key = new ChunkKey(TestChunks.SCOPE, ChunkHash.ofHex("b8a960cfcc69e7a5"));
        try (StorageBackend backend = open(source(), FileFormat.LMCACHE_0_5, "signed_hashes", "false")) {
            TestBackends.store(backend, key);
        }
        convert(FileFormat.LMCACHE_0_5);
        assertThat(problems).isEmpty();
        assertThat(files(target()).keySet())
                .isEqualTo(files(source()).keySet())
                .allMatch(name -> name.startsWith("13/30"));
    }

    @Test
    void oneLayerOfAChunkIsRefused() throws IOException {
        LmcacheWriter.write05(source(), GoldenChunks.layer());
        assertThat(convert(FileFormat.LMCACHE_0_5).refused()).isOne();
        assertThat(problems).singleElement().asString().contains("one layer");
    }

    @Test
    void aKeyWithoutANameInTheTargetIsRefused() throws IOException {
        ChunkKey key = TestChunks.key(KeyScope.of("my_model", TestChunks.LAYOUT), 1);
        try (StorageBackend backend = TestBackends.open(source())) {
            TestBackends.store(backend, key);
        }
        assertThat(convert(FileFormat.LMCACHE_0_3_2).refused()).isOne();
        assertThat(problems).singleElement().asString().contains("has no name in that format", "'_'");
    }

    @Test
    void twoChunksThatWouldHaveOneNameAreNotBothTakenForConverted() throws IOException {
        KeyScope other = KeyScope.of(TestChunks.SCOPE.model(), KvLayout.kv(KvDtype.BFLOAT16, 2, 2, 16));
        storeNative(1);
        try (StorageBackend backend = TestBackends.open(source())) {
            assertThat(TestBackends.put(backend, TestChunks.key(other, 0), new ChunkMeta(other.layout(), 256)))
                    .isEqualTo(PutOutcome.stored());
        }
        for (int run = 0; run < 2; run++) {
            problems.clear();
            Report report = convert(FileFormat.LMCACHE_0_3_2);
            assertThat(report.converted() + report.present()).isOne();
            assertThat(report.refused()).isOne();
            assertThat(report.isComplete()).isFalse();
            assertThat(problems).singleElement().asString().contains("another dtype or shape");
        }
    }

    // What is not sound

    @Test
    void corruptFilesAreCountedAndTheRestIsCarried() throws IOException {
        storeNative(6);
        damage(1, bytes -> bytes[5000] ^= 1);
        damage(2, bytes -> bytes[40] ^= 1);
        Files.write(file(source(), FileFormat.NATIVE, TestChunks.key(3)), new byte[100]);
        Files.write(file(source(), FileFormat.NATIVE, TestChunks.key(4)), new byte[8192]);
        Path alien = source().resolve("ab/cd/nothing.kvcache.safetensors");
        Files.createDirectories(alien.getParent());
        Files.write(alien, new byte[8192]);

        Report report = convert(FileFormat.LMCACHE_0_3_2);
        assertThat(report.converted()).isEqualTo(2);
        assertThat(report.corrupt()).isEqualTo(5);
        assertThat(report.isComplete()).isFalse();
        assertThat(problems)
                .hasSize(5)
                .anyMatch(reason -> reason.contains("has a payload with CRC-32C"))
                .anyMatch(reason -> reason.contains("has only 100 bytes"))
                .anyMatch(reason -> reason.contains("has a header that is no JSON of a safetensors file"))
                .anyMatch(reason -> reason.contains("has no name that LMCache gives"));
        assertThat(regularFiles(target())).noneMatch(file -> file.toString().endsWith(".tmp"));
        assertThat(files(target())).hasSize(4);
    }

    private interface Damage {
        void to(byte[] bytes);
    }

    private void damage(int number, Damage damage) throws IOException {
        Path file = file(source(), FileFormat.NATIVE, TestChunks.key(number));
        byte[] bytes = Files.readAllBytes(file);
        damage.to(bytes);
        Files.write(file, bytes);
    }

    @Test
    void aFileUnderAnotherName() throws IOException {
        storeNative(1);
        Path file = file(source(), FileFormat.NATIVE, TestChunks.key(0));
        Files.move(
                file,
                file(source(), FileFormat.NATIVE, TestChunks.key(0))
                        .resolveSibling(file.getFileName().toString().replaceFirst("^.", "f")));
        assertThat(convert(FileFormat.LMCACHE_0_3_2).corrupt()).isOne();
        assertThat(problems).singleElement().asString().contains("another name");
    }

    @Test
    void aFileWhoseNameItsFormatDoesNotHaveIsNamedWithTheReason() throws IOException {
        LmcacheWriter.Chunk chunk = GoldenChunks.of05().getFirst().chunk();
        Path file = source().resolve("99/99/m%401%400%403e7%40half.kvcache.safetensors");
        Files.createDirectories(file.getParent());
        Files.write(file, LmcacheWriter.header(chunk, true));
        assertThat(convert(FileFormat.LMCACHE_0_5).corrupt()).isOne();
        assertThat(problems).singleElement().asString().contains("its format does not have", "below a thousand");
    }

    // Bad input

    @Test
    void directoriesThatAreInEachOthersWayAreRefused() throws IOException {
        storeNative(1);
        assertRefused(source(), source(), "the same directory");
        assertRefused(source(), source().resolve("."), "the same directory");
        assertRefused(source(), source().resolve("below"), "one is in the other");
        assertRefused(source(), directory, "one is in the other");
        Path link = Files.createSymbolicLink(directory.resolve("link"), source());
        assertRefused(source(), link, "the same directory");
        assertRefused(directory.resolve("none"), target(), "does not exist");
        assertRefused(Files.createFile(directory.resolve("file")), target(), "is no directory");
        assertRefused(Files.createDirectory(directory.resolve("empty")), target(), "holds no chunk files");
        assertRefused(source(), directory.resolve("file"), "is a file or a link, not a directory");
        assertThat(target()).doesNotExist();
    }

    private void assertRefused(Path from, Path into, String cause) {
        assertThatThrownBy(() -> convert(from, into, FileFormat.NATIVE, OptionalInt.empty(), Optional.empty()))
                .isInstanceOf(LmcacheException.class)
                .hasMessageContaining(cause);
    }

    @Test
    void onlyFilesOfTheAskedFormatAreRead() throws IOException {
        storeNative(2);
        LmcacheWriter.write05(source(), GoldenChunks.of05().getFirst().chunk());
        Request request = Request.converting(
                source(),
                target(),
                Optional.of(FileFormat.LMCACHE_0_5),
                FileFormat.LMCACHE_0_5,
                false,
                Optional.empty(),
                OptionalInt.empty());
        assertThat(CacheConversion.run(request, listener).converted()).isOne();
        assertThat(begun).isOne();
    }
}
