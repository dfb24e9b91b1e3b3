package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.await;
import static io.lmcache.backend.posix.TestBackends.count;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.backend.posix.GoldenChunks.Golden;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Directories as LMCache leaves them, made by a writer of the tests: read, and written alike to the byte. */
class GoldenDirectoryTest {
    private static final String V032 = "lmcache_0_3_2";
    private static final String V05 = "lmcache_0_5";

    @TempDir
    private Path golden;

    @TempDir
    private Path root;

    static Stream<Arguments> chunks() {
        return Stream.concat(
                GoldenChunks.of032().stream().map(chunk -> Arguments.of(V032, chunk)),
                GoldenChunks.of05().stream().map(chunk -> Arguments.of(V05, chunk)));
    }

    // The writer of the tests itself

    @Test
    void headersOfTheTestsAreThoseThatLmcacheWrites() throws Exception {
        LmcacheWriter.Chunk llama = chunk("BF16", 1, List.of(2, 32, 256, 1024), 33_554_432);
        LmcacheWriter.Chunk mla = chunk("F16", 6, List.of(1, 61, 256, 576), 17_989_632);
        assertThat(sha256(LmcacheWriter.header(llama, false)))
                .isEqualTo("832cb85dec6f7c3d89a52303d434f7a86e42d923008ff49e7a15f043eb3a9867");
        assertThat(sha256(LmcacheWriter.header(llama, true)))
                .isEqualTo("659c112fcb4f679453f5d2fc605fbdc8585e8c63d0b1aeff7b0c9a6f010445f8");
        assertThat(sha256(LmcacheWriter.header(mla, true)))
                .isEqualTo("98ef5c50fc7eb124f500c567c7157737a07d1def0eb58e48d044c1749fec63fb");
    }

    private static LmcacheWriter.Chunk chunk(String dtype, int fmt, List<Integer> shape, int bytes) {
        return new LmcacheWriter.Chunk(
                "m", 1, 0, BigInteger.ONE, "", dtype, fmt, shape, List.of(), "", ByteBuffer.allocate(bytes));
    }

    private static String sha256(byte[] bytes) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    @Test
    void namesOfTheTestsAreThoseThatLmcacheWrites() {
        assertThat(LmcacheWriter.path032(named(GoldenChunks.of032(), "bfloat16").chunk()))
                .isEqualTo("88/08/vllm@meta-llama_Llama-3.1-8B-Instruct@1@0@"
                        + "8808405eec6fbe306fe3369f88daed79dd5613ddbb5e801f632b01d6218c5f08.kvcache.safetensors");
        assertThat(LmcacheWriter.path05(named(GoldenChunks.of05(), "bfloat16").chunk()))
                .isEqualTo("68/47/meta-llama%2FLlama-3.1-8B-Instruct%401%400%405f05dec65811b7cc%40bfloat16"
                        + ".kvcache.safetensors");
        assertThat(LmcacheWriter.path05(
                        named(GoldenChunks.of05(), "negative hash").chunk()))
                .isEqualTo("-7/82/meta-llama%2FLlama-3.1-8B-Instruct%401%400%40-adc333b9eaa0e45%40bfloat16"
                        + ".kvcache.safetensors");
        assertThat(LmcacheWriter.path05(named(GoldenChunks.of05(), "Unicode").chunk()))
                .contains("/%E6%A8%A1%E5%9E%8B%2F%F0%9F%92%BE_%C3%A9%401");
    }

    private static Golden named(List<Golden> chunks, String name) {
        return chunks.stream()
                .filter(chunk -> chunk.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    // Reading

    @ParameterizedTest
    @MethodSource("chunks")
    void whatLmcacheWroteIsRead(String format, Golden chunk) throws IOException {
        write(format, chunk);
        assertRead(format, chunk, "false");
        assertRead(format, chunk, "true");
    }

    private void assertRead(String format, Golden chunk, String useDirectIo) {
        try (StorageBackend backend = open(golden, format, "use_direct_io", useDirectIo)) {
            assertThat(await(backend.containsPrefix(List.of(chunk.key())))).isOne();
            assertThat(bytes(backend, chunk)).hasValue(chunk.chunk().payload());
            assertThat(count(backend, BackendCounter.HITS)).isOne();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"false", "true"})
    void eitherHeaderIsReadUnderEitherName(String withFmt) throws IOException {
        boolean fmt = Boolean.parseBoolean(withFmt);
        for (String format : List.of(V032, V05)) {
            Golden chunk = format.equals(V05)
                    ? GoldenChunks.of05().get(1)
                    : GoldenChunks.of032().get(1);
            write(format, chunk);
            Path file = golden.resolve(path(format, chunk));
            byte[] bytes = Files.readAllBytes(file);
            System.arraycopy(LmcacheWriter.header(chunk.chunk(), fmt), 0, bytes, 0, 4096);
            Files.write(file, bytes);
            try (StorageBackend backend = open(golden, format)) {
                assertThat(bytes(backend, chunk)).hasValue(chunk.chunk().payload());
            }
        }
    }

    // Writing

    @ParameterizedTest
    @MethodSource("chunks")
    void whatIsWrittenWithoutChecksumIsWhatLmcacheWrites(String format, Golden chunk) throws IOException {
        write(format, chunk);
        store(format, chunk, "false");
        assertThat(files(root)).hasSize(2).isEqualTo(files(golden));
    }

    @ParameterizedTest
    @MethodSource("chunks")
    void aChecksumIsTheOnlyDifference(String format, Golden chunk) throws IOException {
        write(format, chunk);
        store(format, chunk, "true");
        SortedMap<String, String> written = files(root);
        assertThat(written.values())
                .allMatch(file -> file.matches("(?s).{100,200}\", \"crc32c\": \"[0-9a-f]{8}\"}}}.*"));
        written.replaceAll((_, file) -> {
            String without = file.replaceFirst(", \"crc32c\": \"[0-9a-f]{8}\"", "");
            return without.substring(0, 4096 - 22) + " ".repeat(22) + without.substring(4096 - 22);
        });
        assertThat(written).isEqualTo(files(golden));
        try (StorageBackend backend = open(root, format)) {
            assertThat(bytes(backend, chunk)).hasValue(chunk.chunk().payload());
        }
    }

    @Test
    void unicodeStandsInNamesOf032AsItIsWhereTheLocaleAllows() throws IOException {
        assumeTrue(
                StandardCharsets.UTF_8.name().equals(System.getProperty("sun.jnu.encoding")),
                "this process names files in " + System.getProperty("sun.jnu.encoding"));
        Golden chunk = GoldenChunks.unicode032();
        write(V032, chunk);
        assertRead(V032, chunk, "false");
        store(V032, chunk, "false");
        assertThat(files(root)).hasSize(2).isEqualTo(files(golden));
    }

    // Helpers

    private static StorageBackend open(Path root, String format, String... settings) {
        String[] all = Arrays.copyOf(settings, settings.length + 2);
        all[settings.length] = "file_format";
        all[settings.length + 1] = format;
        return TestBackends.open(root, all);
    }

    private void write(String format, Golden chunk) throws IOException {
        if (format.equals(V05)) {
            LmcacheWriter.write05(golden, chunk.chunk());
        } else {
            LmcacheWriter.write032(golden, chunk.chunk());
        }
    }

    private static String path(String format, Golden chunk) {
        return format.equals(V05) ? LmcacheWriter.path05(chunk.chunk()) : LmcacheWriter.path032(chunk.chunk());
    }

    private void store(String format, Golden chunk, String checksum) {
        try (StorageBackend backend = open(root, format, "file_checksum", checksum);
                BufferLease lease =
                        backend.allocator().tryAllocate(chunk.meta().byteSize()).orElseThrow()) {
            TestChunks.hostSegment(lease)
                    .copyFrom(MemorySegment.ofBuffer(chunk.chunk().payload()));
            assertThat(await(backend.put(chunk.key(), chunk.meta(), lease))).isEqualTo(PutOutcome.stored());
        }
    }

    private static Optional<ByteBuffer> bytes(StorageBackend backend, Golden chunk) {
        Optional<StoredChunk> found = await(backend.get(chunk.key(), backend.allocator()));
        return found.map(stored -> {
            try (stored) {
                assertThat(stored.meta()).isEqualTo(chunk.meta());
                return ByteBuffer.wrap(TestChunks.hostSegment(stored.lease()).toArray(ValueLayout.JAVA_BYTE));
            }
        });
    }

    /** The content of all files but the library's own, by path; a character for each byte. */
    private static SortedMap<String, String> files(Path root) throws IOException {
        SortedMap<String, String> files = new TreeMap<>();
        for (Path file : TestBackends.regularFiles(root)) {
            if (!root.relativize(file).startsWith(".lmcache")) {
                files.put(root.relativize(file).toString(), Files.readString(file, StandardCharsets.ISO_8859_1));
            }
        }
        return files;
    }
}
