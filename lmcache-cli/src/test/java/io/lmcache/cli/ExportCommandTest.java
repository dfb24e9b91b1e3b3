package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code lmcache cache export}, from directories that an engine stored into. */
class ExportCommandTest {
    private static final int[] PROMPT = StoredPrompt.tokens(80);
    private static final int CHUNKS = 5;

    @TempDir
    private Path directory;

    private Path source() {
        return directory.resolve("cache");
    }

    private static LmcacheStack open(Path root, String format, boolean checksum) {
        return Lmcache.open(LmcacheConfig.of(Map.of(
                "local_cpu",
                false,
                "gds_path",
                root,
                "file_format",
                format,
                "file_checksum",
                checksum,
                "chunk_size",
                16,
                "hash_seed",
                0)));
    }

    private void store(String format, boolean checksum) {
        try (LmcacheStack stack = open(source(), format, checksum)) {
            StoredPrompt.store(stack, PROMPT);
        }
    }

    private Invocation export(Path target, String... options) {
        String[] fixed = {"cache", "export", source().toString(), target.toString()};
        return Invocation.of(Stream.concat(Stream.of(fixed), Stream.of(options)).toArray(String[]::new));
    }

    /** Chunks and metadata files by their path below a root. */
    private static Map<String, byte[]> contents(Path root) throws IOException {
        Map<String, byte[]> contents = new TreeMap<>();
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : files.filter(found -> Files.isRegularFile(found, LinkOption.NOFOLLOW_LINKS))
                    .toList()) {
                String path = root.relativize(file).toString();
                if (!path.startsWith(".lmcache") && path.contains(".safetensors")) {
                    contents.put(path, Files.readAllBytes(file));
                }
            }
        }
        return contents;
    }

    private static Map<String, byte[]> contentsOfTar(Path file) throws IOException {
        Map<String, byte[]> contents = new TreeMap<>();
        try (InputStream in = Files.newInputStream(file);
                TarArchiveInputStream tar = new TarArchiveInputStream(in)) {
            TarArchiveEntry entry = tar.getNextEntry();
            while (entry != null) {
                contents.put(entry.getName(), tar.readAllBytes());
                entry = tar.getNextEntry();
            }
        }
        return contents;
    }

    private static void assertSame(Map<String, byte[]> actual, Map<String, byte[]> expected) {
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        actual.forEach((path, content) -> assertThat(content).as(path).isEqualTo(expected.get(path)));
    }

    private String someHash() throws IOException {
        return new ObjectMapper()
                .readTree(Invocation.of("cache", "ls", source().toString(), "--json")
                        .out())
                .get(0)
                .get("hash")
                .asText();
    }

    @ParameterizedTest
    @CsvSource({"native,true", "lmcache_0_3_2,true", "lmcache_0_3_2,false", "lmcache_0_5,true", "lmcache_0_5,false"})
    void aDirectoryGetsTheSameFiles(String format, boolean checksum) throws IOException {
        store(format, checksum);
        Path target = directory.resolve("copy");
        Invocation export = export(target);
        assertThat(export.status()).as(export.err()).isZero();
        assertThat(export.out()).contains("Exported " + CHUNKS + " chunks", "to " + target + ".");
        assertSame(contents(target), contents(source()));
        try (LmcacheStack stack = open(target, format, checksum)) {
            StoredPrompt.requireStored(stack, PROMPT);
        }
        assertThat(export(target).out()).contains("Exported " + CHUNKS + " chunks, 0 bytes");
    }

    @ParameterizedTest
    @ValueSource(strings = {"native", "lmcache_0_3_2", "lmcache_0_5"})
    void aTarFileHasTheSameFiles(String format) throws IOException {
        store(format, true);
        Path target = directory.resolve("copy.tar");
        Invocation export = export(target);
        assertThat(export.status()).as(export.err()).isZero();
        assertSame(contentsOfTar(target), contents(source()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"copy", "copy.tar"})
    void onlyWhatIsChosenAndSoundIsCopied(String target) throws IOException {
        store("native", true);
        String hash = someHash();
        Invocation one = export(directory.resolve("one-" + target), "--prefix", hash);
        assertThat(one.status()).as(one.err()).isZero();
        assertThat(one.out()).contains("Exported 1 chunk,");

        Path damaged = source().resolve(contents(source()).keySet().iterator().next());
        byte[] bytes = Files.readAllBytes(damaged);
        bytes[4500] ^= 1;
        Files.write(damaged, bytes);
        Invocation rest = export(directory.resolve(target), "--model", "model");
        assertThat(rest.status()).isEqualTo(1);
        assertThat(rest.out()).contains("Exported 4 chunks", "; 1 not copied.");
        assertThat(rest.err()).contains("has a payload with CRC-32C");
    }

    @ParameterizedTest
    @ValueSource(strings = {"copy", "copy.tar"})
    void aDirectoryInUseWithForeignFilesIsRead(String target) throws IOException {
        try (LmcacheStack stack = open(source(), "native", true)) {
            StoredPrompt.store(stack, PROMPT);
            Files.createSymbolicLink(source().resolve("zz"), directory);
            Files.createDirectory(source().resolve("lost+found"));
            Files.writeString(source().resolve("notes.txt"), "mine");
            Invocation export = export(directory.resolve(target));
            assertThat(export.status()).as(export.err()).isZero();
            assertThat(export.err())
                    .contains("'zz'", "'lost+found'", "'notes.txt'")
                    .hasLineCount(3);
            assertThat(export.out()).contains("Exported " + CHUNKS + " chunks");
        }
    }

    @Test
    void aTarFileThatIsThereStays() throws IOException {
        store("native", true);
        Path target = Files.writeString(directory.resolve("mine.tar"), "mine");
        Invocation export = export(target);
        assertThat(export.status()).isEqualTo(2);
        assertThat(export.err()).contains("mine.tar' is there already").hasLineCount(1);
        assertThat(target).hasContent("mine");
    }

    @Test
    void aTarFileThatCannotBeWrittenIsGone() throws IOException {
        store("native", true);
        Invocation export = export(Path.of("/proc/none.tar"));
        assertThat(export.status()).isEqualTo(1);
        assertThat(export.err()).contains("the export stopped").hasLineCount(1);
        List<Path> left;
        try (Stream<Path> files = Files.list(directory)) {
            left = files.toList();
        }
        assertThat(left).containsExactly(source());
    }
}
