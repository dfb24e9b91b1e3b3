package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.Option;
import io.lmcache.core.Lmcache;
import io.lmcache.core.backend.BackendRegistry;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which tiers a configuration makes, on a machine whose GPUs are hidden, and what it says when it cannot. */
class ConfiguredStackTest {
    private static final int[] PROMPT = TestEngine.prompt(300);

    @TempDir
    private Path directory;

    @Test
    void theHostTierAlone() {
        try (LmcacheStack stack = open(Map.of("max_local_cpu_size", "16 MiB"))) {
            assertThat(stack.tiers()).containsExactly("cpu");
            assertThat(TestEngine.store(stack, PROMPT)).isEqualTo(Map.of("cpu", 300));
            assertThat(TestEngine.retrieveAll(stack, PROMPT)).isEqualTo(Map.of("cpu", 300));
        }
    }

    @Test
    void theFileTierAlone() {
        try (LmcacheStack stack = open(Map.of("local_cpu", false, "gds_path", directory))) {
            assertThat(stack.tiers()).containsExactly("posix");
            assertThat(TestEngine.store(stack, PROMPT)).isEqualTo(Map.of("posix", 300));
            assertThat(TestEngine.retrieveAll(stack, PROMPT)).isEqualTo(Map.of("posix", 300));
        }
    }

    @Test
    void theHostTierStandsAboveTheFileTier() {
        Map<String, ?> settings = Map.of("max_local_cpu_size", "16 MiB", "gds_path", directory);
        try (LmcacheStack stack = open(settings)) {
            assertThat(stack.tiers()).containsExactly("cpu", "posix");
            assertThat(TestEngine.store(stack, PROMPT)).isEqualTo(Map.of("cpu", 300, "posix", 300));
            assertThat(TestEngine.retrieveAll(stack, PROMPT)).isEqualTo(Map.of("cpu", 300));
        }
        try (LmcacheStack stack = open(settings)) {
            assertThat(TestEngine.retrieveAll(stack, PROMPT)).isEqualTo(Map.of("posix", 300));
        }
    }

    @Test
    void severalPathsSpreadTheChunks() throws IOException {
        List<Path> paths = List.of(directory.resolve("one"), directory.resolve("two"));
        try (LmcacheStack stack = open(Map.of("local_cpu", false, "gds_path", paths, "chunk_size", 16))) {
            TestEngine.store(stack, TestEngine.prompt(1024));
        }
        for (Path path : paths) {
            assertThat(chunkFiles(path)).as("files in %s", path).isPositive();
        }
        assertThat(chunkFiles(paths.get(0)) + chunkFiles(paths.get(1))).isEqualTo(64);
    }

    /** Chunks of tokens 0, 1, 2 and so on, where LMCache 0.3.2 and 0.5 have them. */
    @ParameterizedTest
    @CsvSource({
        "lmcache_0_3_2, sha256, 88/08/vllm@model@1@0@8808405eec6fbe306fe3369f88daed79dd5613ddbb5e801f632b01d6218c5f08,"
                + "db/ae/vllm@model@1@0@dbae33ee1bee4f1e12ac7a0dd1197e46648b8d9d9d908577a53fd38741bcf119",
        "lmcache_0_5, builtin, 68/47/model%401%400%405f05dec65811b7cc%40,-7/82/model%401%400%40-adc333b9eaa0e45%40",
        "lmcache_0_5, sha256_cbor, 13/30/model%401%400%40b8a960cfcc69e7a5%40,14/71/model%401%400%40cc309e143d545625%40"
    })
    void filesOfLmcacheLieWhereLmcacheLooksForThem(String format, String hash, String first, String second)
            throws IOException {
        Map<String, ?> settings = Map.of(
                "local_cpu",
                false,
                "gds_path",
                directory,
                "file_format",
                format,
                "pre_caching_hash_algorithm",
                hash,
                "hash_seed",
                0);
        int[] prompt = IntStream.range(0, 512).toArray();
        try (LmcacheStack stack = open(settings)) {
            TestEngine.store(stack, prompt);
        }
        try (Stream<Path> files = Files.walk(directory)) {
            List<String> names = files.map(file -> directory.relativize(file).toString())
                    .filter(file -> file.contains(".kvcache.safetensors"))
                    .map(file -> file.replaceFirst("(half|bfloat16|float)?\\.kvcache.*?(\\.metadata)?$", "$2"))
                    .sorted()
                    .toList();
            assertThat(names).containsExactlyInAnyOrder(first, first + ".metadata", second, second + ".metadata");
        }
        try (LmcacheStack stack = open(settings)) {
            assertThat(TestEngine.retrieveAll(stack, prompt)).isEqualTo(Map.of("posix", 512));
        }
    }

    private static long chunkFiles(Path path) throws IOException {
        try (Stream<Path> files = Files.walk(path)) {
            return files.filter(file -> file.toString().endsWith(".safetensors"))
                    .count();
        }
    }

    @Test
    void theOrdinaryDiskTierOfLmcacheStandsAboveThatOfGdsPath() {
        Map<String, ?> disk = Map.of(
                "local_cpu",
                false,
                "local_disk",
                "file://" + directory.resolve("disk") + "/",
                "max_local_disk_size",
                0.1);
        try (LmcacheStack stack = open(disk)) {
            assertThat(stack.tiers()).containsExactly("disk");
            assertThat(TestEngine.store(stack, PROMPT)).isEqualTo(Map.of("disk", 300));
        }
        Map<String, Object> both = new HashMap<>(disk);
        both.put("gds_path", directory.resolve("shared"));
        try (LmcacheStack stack = open(both)) {
            assertThat(stack.tiers()).containsExactly("disk", "posix");
            assertThat(TestEngine.retrieveAll(stack, PROMPT)).isEqualTo(Map.of("disk", 300));
        }
    }

    @Test
    void noTierAtAllIsRefused() {
        assertRefused(Map.of("local_cpu", false), ErrorCode.INVALID_CONFIGURATION)
                .hasMessageContainingAll("no tier", "local_cpu", "gds_path", "storage_plugins");
    }

    @Test
    void aPathThatIsAFileIsRefused() throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        assertRefused(Map.of("gds_path", file), ErrorCode.START_FAILED)
                .hasMessageContainingAll(file.toString(), "is a file or a link, not a directory", "name another path");
    }

    @Test
    void aPathWhereNobodyMayWriteIsRefused() {
        assertRefused(Map.of("gds_path", "/proc/lmcache"), ErrorCode.START_FAILED)
                .hasMessageContainingAll("/proc/lmcache", "name a path where this user may create files");
    }

    @Test
    void cufileThatIsRequiredIsRefusedWithoutADevice() {
        assertRefused(Map.of("gds_path", directory, "use_cufile", true), ErrorCode.START_FAILED)
                .hasMessageContaining("no CUDA device");
        assertThat(directory).as("left behind").isEmptyDirectory();
    }

    @Test
    void twoTiersOfOneKindHaveNamesOfTheirOwn() {
        try (LmcacheStack stack = LmcacheStack.builder()
                .tier("posix", Map.of("gds_path", directory.resolve("nvme")))
                .tier("archive", "posix", Map.of("gds_path", directory.resolve("nfs")))
                .build()) {
            assertThat(stack.tiers()).containsExactly("posix", "archive");
            assertThat(TestEngine.store(stack, PROMPT)).isEqualTo(Map.of("posix", 300, "archive", 300));
            assertThat(stack.stats().tiers().keySet()).containsExactly("archive", "posix");
        }
        try (LmcacheStack stack = LmcacheStack.builder()
                .tier("archive", "posix", Map.of("gds_path", directory.resolve("nfs")))
                .build()) {
            assertThat(TestEngine.retrieveAll(stack, PROMPT)).isEqualTo(Map.of("archive", 300));
        }
    }

    @Test
    void bothFileTiersHaveTheOptionsOfEveryFileTier() {
        BackendRegistry backends = BackendRegistry.discover();
        List<Option<?>> ofEvery = backends.options("posix").orElseThrow();
        assertThat(backends.options("gds").orElseThrow().subList(0, ofEvery.size()))
                .isEqualTo(ofEvery);
    }

    @Test
    void anUnknownPluginIsRefusedWithThoseThatThereAre() {
        assertRefused(Map.of("storage_plugins", "no-such"), ErrorCode.UNKNOWN_BACKEND)
                .hasMessageContainingAll("'no-such'", "Available: cpu, gds, posix", "storage_plugins");
    }

    private static AbstractThrowableAssert<?, ? extends Throwable> assertRefused(
            Map<String, ?> settings, ErrorCode code) {
        return assertThatThrownBy(() -> open(settings))
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(code));
    }

    private static LmcacheStack open(Map<String, ?> settings) {
        return Lmcache.open(LmcacheConfig.of(settings));
    }
}
