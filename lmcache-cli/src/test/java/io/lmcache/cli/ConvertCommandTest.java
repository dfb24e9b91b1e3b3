package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code lmcache cache convert}, on directories that an engine stored into and reads again. */
class ConvertCommandTest {
    private static final int[] PROMPT = StoredPrompt.tokens(80);

    @TempDir
    private Path directory;

    private Path source() {
        return directory.resolve("src");
    }

    private Path target() {
        return directory.resolve("dst");
    }

    private static LmcacheStack open(Path root, String format, Map<String, ?> more) {
        Map<String, Object> settings = new HashMap<>(
                Map.of("local_cpu", false, "gds_path", root, "file_format", format, "chunk_size", 16, "hash_seed", 0));
        settings.putAll(more);
        return Lmcache.open(LmcacheConfig.of(settings));
    }

    private void store(String format, Map<String, ?> more) {
        try (LmcacheStack stack = open(source(), format, more)) {
            StoredPrompt.store(stack, PROMPT);
        }
    }

    private static void assertHolds(Path root, String format, Map<String, ?> more) {
        try (LmcacheStack stack = open(root, format, more)) {
            StoredPrompt.requireStored(stack, PROMPT);
        }
    }

    private Invocation convert(String... options) {
        String[] fixed = {"cache", "convert", source().toString(), target().toString()};
        return Invocation.of(Stream.concat(Stream.of(fixed), Stream.of(options)).toArray(String[]::new));
    }

    private static List<String> chunkFiles(Path root) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            return files.map(file -> root.relativize(file).toString())
                    .filter(file -> file.endsWith(".safetensors"))
                    .sorted()
                    .toList();
        }
    }

    @Test
    void anEngineFindsWhatWasConverted() throws IOException {
        store("native", Map.of());
        Invocation convert = convert("--to", "lmcache_0_3_2");
        assertThat(convert.status()).as(convert.err()).isZero();
        assertThat(convert.out())
                .isEqualTo("Converted 5 chunks of " + StoredPrompt.bytes(PROMPT.length) + " bytes from " + source()
                        + " to " + target() + ", lmcache_0_3_2." + System.lineSeparator());
        assertThat(convert.err()).isEmpty();
        assertHolds(target(), "lmcache_0_3_2", Map.of());
        assertThat(chunkFiles(target())).hasSize(5).allMatch(file -> file.contains("/vllm@model@1@0@"));
    }

    @ParameterizedTest
    @CsvSource({"builtin", "sha256_cbor"})
    void hashesOf64BitsAreCarriedWithTheirSign(String hash) throws IOException {
        Map<String, ?> algorithm = Map.of("pre_caching_hash_algorithm", hash);
        store("native", algorithm);
        Invocation convert = convert("--to", "LMCACHE_0_5", "--hash", hash, "--no-checksum");
        assertThat(convert.status()).as(convert.err()).isZero();
        assertHolds(target(), "lmcache_0_5", algorithm);
        assertThat(Files.readString(target().resolve(chunkFiles(target()).getFirst()), StandardCharsets.ISO_8859_1))
                .doesNotContain("crc32c");
    }

    @Test
    void nativeFilesOfLmcachesAreFoundByAnEngine() {
        store("lmcache_0_5", Map.of());
        int heads = StoredPrompt.heads();
        Invocation convert = convert("--to", "native", "--kv-heads", Integer.toString(heads), "--from", "lmcache_0_5");
        assertThat(convert.status()).as(convert.err()).isZero();
        assertHolds(target(), "native", Map.of("pre_caching_hash_algorithm", "builtin"));
    }

    @Test
    void aSecondRunFindsAllOfItThere() {
        store("native", Map.of());
        assertThat(convert("--to", "lmcache_0_3_2").status()).isZero();
        Invocation again = convert("--to", "lmcache_0_3_2");
        assertThat(again.status()).isZero();
        assertThat(again.out()).contains("Converted 0 chunks of 0 bytes", "5 chunks there already, the same.");
    }

    @Test
    void anotherHashIsStatusOneWithTheReason() {
        store("native", Map.of());
        Invocation convert = convert("--to", "lmcache_0_5", "--hash", "builtin");
        assertThat(convert.status()).isEqualTo(1);
        assertThat(convert.out()).contains("Converted 0 chunks", "5 chunks not carried over");
        assertThat(convert.err())
                .contains(
                        "is named by another hash algorithm, of 32 bytes; LMCache 0.5 names",
                        "2 more: each is named by")
                .hasLineCount(4);
        assertThat(target()).doesNotExist();
    }

    @Test
    void corruptFilesAreStatusOneAndTheRestIsThere() throws IOException {
        store("native", Map.of());
        Path damaged = source().resolve(chunkFiles(source()).getFirst());
        byte[] bytes = Files.readAllBytes(damaged);
        bytes[4500] ^= 1;
        Files.write(damaged, bytes);
        Invocation convert = convert("--to", "lmcache_0_3_2");
        assertThat(convert.status()).isEqualTo(1);
        assertThat(convert.out()).contains("Converted 4 chunks", "1 chunk not carried over, corrupt or unknown.");
        assertThat(convert.err())
                .contains(damaged + " has a payload with CRC-32C")
                .hasLineCount(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--to nothing | Option --to is 'nothing', allowed are native, lmcache_0_3_2 or lmcache_0_5",
                "--to native --from nothing | Option --from is 'nothing', allowed are native, lmcache_0_3_2 or lmcache_0_5, or auto",
                "--to native --hash sha256 | Option --hash is 'sha256', allowed are builtin and sha256_cbor",
                "--to native --kv-heads 0 | Option --kv-heads is '0', allowed are whole numbers from 1",
                "--to native --kv-heads x | '--kv-heads'",
                "--to native more | 'more'",
                "--from native | '--to=FORMAT'",
                "--to native | holds no chunk files",
            })
    void badInputIsStatusTwoAndOneLine(String options, String cause) throws IOException {
        Files.createDirectories(source());
        Invocation convert = convert(options.strip().split(" "));
        assertThat(convert.status()).isEqualTo(2);
        assertThat(convert.err()).contains(cause).doesNotContain("Exception").hasLineCount(1);
        assertThat(convert.out()).isEmpty();
        assertThat(target()).doesNotExist();
    }

    @Test
    void aMissingSourceIsStatusTwo() {
        Invocation convert = convert("--to", "native");
        assertThat(convert.status()).isEqualTo(2);
        assertThat(convert.err())
                .contains(source() + "' is no directory: it does not exist")
                .hasLineCount(1);
    }

    @Test
    void aTargetWhereNobodyMayWriteIsStatusTwo() {
        store("native", Map.of());
        Invocation convert = Invocation.of("cache", "convert", source().toString(), "/proc/lmcache", "--to", "native");
        assertThat(convert.status()).isEqualTo(2);
        assertThat(convert.err()).contains("/proc/lmcache", "name a path where").hasLineCount(1);
    }

    @Test
    void cacheWithoutACommandIsStatusTwo() {
        Invocation cache = Invocation.of("cache");
        assertThat(cache.status()).isEqualTo(2);
        assertThat(cache.err()).contains("no command is named", "convert");
    }
}
