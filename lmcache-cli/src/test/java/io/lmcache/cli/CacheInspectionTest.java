package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code lmcache cache du} and {@code verify}, on directories that an engine stored into. */
class CacheInspectionTest {
    private static final int[] PROMPT = StoredPrompt.tokens(80);
    private static final int CHUNKS = 5;

    @TempDir
    private Path root;

    private LmcacheStack open(String format) {
        return Lmcache.open(LmcacheConfig.of(
                Map.of("local_cpu", false, "gds_path", root, "file_format", format, "chunk_size", 16, "hash_seed", 0)));
    }

    private void store(String format) {
        try (LmcacheStack stack = open(format)) {
            StoredPrompt.store(stack, PROMPT);
        }
    }

    private Invocation cache(String command, String... options) {
        String[] fixed = {"cache", command, root.toString()};
        return Invocation.of(Stream.concat(Stream.of(fixed), Stream.of(options)).toArray(String[]::new));
    }

    /** The chunks' files. All formats but the native one have metadata files beside them, of another ending. */
    private List<Path> chunkFiles() throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            return files.filter(Files::isRegularFile)
                    .filter(file -> !root.relativize(file).startsWith(".lmcache"))
                    .filter(file -> !file.toString().endsWith(".metadata"))
                    .sorted()
                    .toList();
        }
    }

    private static void flipPayload(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[4500] ^= 1;
        Files.write(file, bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"native", "lmcache_0_3_2", "lmcache_0_5"})
    void diskUseIsPerModelAndInTotal(String format) throws IOException {
        store(format);
        Invocation du = cache("du", "--json");
        assertThat(du.status()).as(du.err()).isZero();
        assertThat(du.err()).isEmpty();
        JsonNode use = new ObjectMapper().readTree(du.out());
        assertThat(use.at("/models/model/files").asLong()).isEqualTo(CHUNKS);
        assertThat(use.at("/metadata/files").asLong()).isEqualTo(format.equals("native") ? 0 : CHUNKS);
        assertThat(use.at("/unknown/files").asLong()).isZero();
        assertThat(use.at("/total/bytes").asLong())
                .isEqualTo(use.at("/models/model/bytes").asLong()
                        + use.at("/metadata/bytes").asLong())
                .isGreaterThanOrEqualTo(StoredPrompt.bytes(PROMPT.length));
    }

    @ParameterizedTest
    @ValueSource(strings = {"native", "lmcache_0_3_2", "lmcache_0_5"})
    void aDirectoryInUseIsSound(String format) {
        try (LmcacheStack stack = open(format)) {
            StoredPrompt.store(stack, PROMPT);
            Invocation verify = cache("verify");
            assertThat(verify.status()).as(verify.err()).isZero();
            assertThat(verify.out()).contains(CHUNKS + " chunks sound, 0 damaged.");
            assertThat(verify.err()).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"native", "lmcache_0_3_2", "lmcache_0_5"})
    void damageIsNamedAndStaysWhereItIs(String format) throws IOException {
        store(format);
        List<Path> files = chunkFiles();
        flipPayload(files.get(0));
        Files.write(files.get(1), new byte[10]);
        Files.write(files.get(2), new byte[5000]);
        Invocation verify = cache("verify");
        assertThat(verify.status()).isEqualTo(1);
        assertThat(verify.out()).contains("2 chunks sound, 3 damaged.");
        assertThat(verify.err())
                .contains(
                        "'" + root.relativize(files.get(0)) + "' has a payload with CRC-32C",
                        "'" + root.relativize(files.get(1)) + "' has only 10 bytes",
                        "'" + root.relativize(files.get(2)) + "' ")
                .hasLineCount(3);
        assertThat(chunkFiles()).isEqualTo(files);
        // Their names, and a header of another one, tell whose they are.
        assertThat(cache("du").out()).containsPattern("\\b5 +\\d+ .* model");
    }

    @Test
    void whereEveryHeaderIsDamagedTheModelIsUnknown() throws IOException {
        store("native");
        for (Path file : chunkFiles()) {
            Files.write(file, new byte[5000]);
        }
        assertThat(cache("du").out()).containsPattern("\\b5 +25000 .* \\(chunks of no known model\\)");
    }

    @ParameterizedTest
    @ValueSource(strings = {"du", "verify"})
    void linksAndForeignFilesArePassedOverAndNamed(String command) throws IOException {
        store("native");
        Path chunk = chunkFiles().getFirst();
        Files.createSymbolicLink(root.resolve("zz"), chunk.getParent());
        Files.createSymbolicLink(chunk.resolveSibling("link"), chunk);
        Files.writeString(root.resolve("notes.txt"), "mine");
        Files.createDirectory(root.resolve("lost+found"));
        Invocation look = cache(command);
        assertThat(look.status()).as(look.err()).isZero();
        assertThat(look.err())
                .contains("'zz'", "/link'", "'notes.txt'", "'lost+found'")
                .hasLineCount(4);
        assertThat(look.out()).contains(Integer.toString(CHUNKS));
    }

    @ParameterizedTest
    @ValueSource(strings = {"du", "verify"})
    void aFolderThatMayNotBeReadIsPassedOverAndNamed(String command) throws IOException {
        store("native");
        Path folder = Files.createDirectory(
                root.resolve("zz"), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("---------")));
        assumeThat(Files.isReadable(folder)).as("root may read everything").isFalse();
        Invocation look = cache(command);
        assertThat(look.status()).as(look.err()).isZero();
        assertThat(look.err()).contains("'zz' cannot be read").hasLineCount(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"native", "lmcache_0_5"})
    void quarantineIsCountedApartAndInTheTotal(String format) throws IOException {
        store(format);
        long before = total();
        Path chunk = chunkFiles().getFirst();
        Files.move(chunk, root.resolve(".lmcache/quarantine/1700000000000-" + chunk.getFileName()));
        assertThat(cache("du").out()).containsPattern("\\b1 +[1-9]\\d* .* \\(quarantine\\)");
        assertThat(total()).isEqualTo(before);
    }

    private long total() throws IOException {
        return new ObjectMapper()
                .readTree(cache("du", "--json").out())
                .at("/total/bytes")
                .asLong();
    }

    @ParameterizedTest
    @ValueSource(strings = {"du", "verify"})
    void aMissingDirectoryIsStatusTwo(String command) {
        Invocation look = Invocation.of("cache", command, root.resolve("none").toString());
        assertThat(look.status()).isEqualTo(2);
        assertThat(look.err()).contains("is no directory: it does not exist").hasLineCount(1);
        assertThat(look.out()).isEmpty();
    }
}
