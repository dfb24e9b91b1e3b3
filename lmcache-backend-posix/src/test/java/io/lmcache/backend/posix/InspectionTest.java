package io.lmcache.backend.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Chunk files open with readers of safetensors that know nothing of this library. */
class InspectionTest {
    private static final Path SCRIPT = Path.of("src/test/python/read_safetensors.py");

    @TempDir
    private Path root;

    /** What is stored, and by what name the readers know its type. */
    record Stored(FileFormat format, KvDtype dtype, String name) {
        ChunkMeta meta() {
            return new ChunkMeta(KvLayout.kv(dtype, 3, 2, 5), 7);
        }

        ChunkKey key() {
            return TestChunks.key(KeyScope.of("org/model", meta().layout()), name.hashCode());
        }
    }

    static Stream<Stored> files() {
        Stream<Stored> lmcache = Stream.of(FileFormat.LMCACHE_0_3_2, FileFormat.LMCACHE_0_5)
                .flatMap(format -> Stream.of(
                        new Stored(format, KvDtype.HALF, "F16"),
                        new Stored(format, KvDtype.BFLOAT16, "BF16"),
                        new Stored(format, KvDtype.FLOAT, "F32")));
        Stream<Stored> ours = Stream.of(
                new Stored(FileFormat.NATIVE, KvDtype.HALF, "F16"),
                new Stored(FileFormat.NATIVE, KvDtype.BFLOAT16, "BF16"),
                new Stored(FileFormat.NATIVE, KvDtype.FLOAT, "F32"),
                new Stored(FileFormat.NATIVE, KvDtype.FP8_E4M3FN, "F8_E4M3"),
                new Stored(FileFormat.NATIVE, KvDtype.FP8_E4M3FNUZ, "U8"),
                new Stored(FileFormat.NATIVE, KvDtype.BOOL, "BOOL"));
        return Stream.concat(lmcache, ours);
    }

    static Stream<Arguments> filesWithAndWithoutChecksum() {
        return files().flatMap(file -> Stream.of(Arguments.of(file, "true"), Arguments.of(file, "false")));
    }

    @ParameterizedTest
    @MethodSource("filesWithAndWithoutChecksum")
    void theReaderOfTheTestsReadsThem(Stored stored, String checksum) throws IOException {
        SafetensorsReader read = SafetensorsReader.read(store(stored, checksum));
        assertThat(read.name()).isEqualTo("kvcache");
        assertThat(read.dtype()).isEqualTo(stored.name());
        assertThat(read.shape()).containsExactly(2L, 3L, 7L, 10L);
        assertThat(read.payload()).isEqualTo(ByteBuffer.wrap(payload(stored)));
    }

    @Test
    void theStockReaderOfPythonReadsThem() throws Exception {
        String python = python();
        List<String> command = new ArrayList<>(List.of(python, SCRIPT.toString()));
        List<String> expected = new ArrayList<>();
        for (Stored stored : files().toList()) {
            command.add(store(stored, "true").toString());
            expected.add("kvcache|" + stored.name() + "|2,3,7,10|" + sha256(payload(stored)) + "|"
                    + (stored.format() == FileFormat.NATIVE ? stored.key().text() : ""));
        }
        assertThat(outputOf(command)).isEqualTo(expected);
    }

    /** A Python that has the package; {@code .ci/run} makes one. */
    private static String python() throws Exception {
        String python = System.getenv().getOrDefault("TEST_PYTHON", "python3");
        boolean hasPackage;
        try {
            Process process = new ProcessBuilder(python, "-c", "import safetensors, numpy")
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            hasPackage = process.waitFor(30, TimeUnit.SECONDS) && process.exitValue() == 0;
        } catch (IOException e) {
            hasPackage = false;
        }
        assumeTrue(hasPackage, python + " has no packages safetensors and numpy; TEST_PYTHON can name one that has");
        return python;
    }

    private static List<String> outputOf(List<String> command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(output).isZero();
        return output.lines().toList();
    }

    private Path store(Stored stored, String checksum) {
        FileFormat format = stored.format();
        try (StorageBackend backend = TestBackends.open(
                root, "file_format", format.name().toLowerCase(Locale.ROOT), "file_checksum", checksum)) {
            assertThat(TestBackends.put(backend, stored.key(), stored.meta())).isEqualTo(PutOutcome.stored());
        }
        return root.resolve(((ChunkName.Below) format.create(true, true).name(stored.key())).path());
    }

    private static byte[] payload(Stored stored) {
        byte[] payload = new byte[(int) stored.meta().byteSize()];
        TestChunks.fill(stored.key(), MemorySegment.ofArray(payload));
        return payload;
    }

    private static String sha256(byte[] bytes) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }
}
