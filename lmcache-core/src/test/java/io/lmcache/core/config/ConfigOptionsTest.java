package io.lmcache.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.LmcacheException;
import io.lmcache.core.hash.HashSeed;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ConfigOptionsTest {
    private static final ByteSize MEMORY = new ByteSize(64 * ByteSize.GIB);

    @TempDir
    private Path folder;

    /** What one option is without a word from anyone, and what becomes of a good and a bad text. */
    record Row(ConfigOption<?> option, Object defaultValue, String text, Object value, String bad) {
        @Override
        public String toString() {
            return option.name();
        }
    }

    static Stream<Row> rows() {
        return Stream.of(
                new Row(ConfigOptions.CHUNK_SIZE, 256, "128", 128, "0"),
                new Row(ConfigOptions.SAVE_UNFULL_CHUNK, true, "False", false, "maybe"),
                new Row(
                        ConfigOptions.PRE_CACHING_HASH_ALGORITHM,
                        HashAlgorithm.SHA256,
                        "SHA256_CBOR",
                        HashAlgorithm.SHA256_CBOR,
                        "md5"),
                new Row(
                        ConfigOptions.HASH_SEED,
                        new HashSeed.Random(),
                        "4294967295",
                        new HashSeed.Fixed(HashSeed.MAX_NUMBER),
                        "4294967296"),
                new Row(ConfigOptions.MIN_RETRIEVE_TOKENS, 0, "512", 512, "-1"),
                new Row(ConfigOptions.LOCAL_CPU, true, "0", false, "2"),
                new Row(ConfigOptions.MAX_LOCAL_CPU_SIZE, gib(5), "0.5", mib(512), "NaN"),
                new Row(ConfigOptions.CACHE_POLICY, CachePolicy.LRU, "FIFO", CachePolicy.FIFO, "ARC"),
                new Row(
                        ConfigOptions.GDS_PATH,
                        List.of(),
                        "/a, b c",
                        List.of(Path.of("/a"), Path.of("b c")),
                        "with\0zero"),
                new Row(ConfigOptions.GDS_PATH_SHARDING, PathSharding.AUTO, "by_gpu", PathSharding.BY_GPU, "by_day"),
                new Row(ConfigOptions.FILE_FORMAT, FileFormat.NATIVE, "lmcache_0_5", FileFormat.LMCACHE_0_5, "lmcache"),
                new Row(ConfigOptions.FILE_CHECKSUM, true, "false", false, "crc32c"),
                new Row(ConfigOptions.MAX_GDS_SIZE, new ByteSize(0), "1.5 TB", gib(1536), "-1"),
                new Row(ConfigOptions.GDS_TTL_SECS, Duration.ZERO, "86400", Duration.ofDays(1), "0.5"),
                new Row(ConfigOptions.GDS_MIN_FREE_SPACE, new ByteSize(0), "10", gib(10), "ten"),
                new Row(ConfigOptions.FSYNC, FsyncMode.NONE, "data", FsyncMode.DATA, "true"),
                new Row(ConfigOptions.USE_CUFILE, CuFileUse.AUTO, "false", CuFileUse.NEVER, "sometimes"),
                new Row(ConfigOptions.CUFILE_LIBRARY, "auto", "/opt/libcufile.so", "/opt/libcufile.so", ""),
                new Row(ConfigOptions.CUDA_DEVICE, 0, "3", 3, "-1"),
                new Row(ConfigOptions.CUFILE_BUFFER_SIZE, gib(1), "8192", gib(8), "0"),
                new Row(ConfigOptions.USE_DIRECT_IO, false, "1", true, "direct"),
                new Row(ConfigOptions.DISK_IO_THREADS, 16, "4", 4, "0"),
                new Row(ConfigOptions.MAX_ALLOC_ATTEMPTS, 10, "3", 3, "1.5"),
                new Row(
                        ConfigOptions.ALLOCATION_ATTEMPT_DELAY_SECS,
                        Duration.ofMillis(100),
                        "0.25",
                        Duration.ofMillis(250),
                        "1e400"),
                new Row(ConfigOptions.STORAGE_PLUGINS, List.of(), "s3,my-disk", List.of("s3", "my-disk"), "S3"),
                new Row(
                        ConfigOptions.PROMOTION,
                        PromotionPolicy.ALWAYS,
                        "never",
                        PromotionPolicy.NEVER,
                        "on second hit"),
                new Row(ConfigOptions.MAX_BYTES_IN_FLIGHT, mib(256), "64", mib(64), "Infinity"),
                new Row(
                        ConfigOptions.BLOCKING_TIMEOUT_SECS,
                        Duration.ofSeconds(10),
                        "2.5",
                        Duration.ofMillis(2500),
                        "0"),
                new Row(ConfigOptions.STORE_TIMEOUT_SECS, Duration.ofSeconds(60), "5", Duration.ofSeconds(5), "0"),
                new Row(ConfigOptions.CIRCUIT_BREAKER_FAILURES, 5, "20", 20, "0"),
                new Row(
                        ConfigOptions.CIRCUIT_BREAKER_OPEN_SECS,
                        Duration.ofSeconds(30),
                        "5",
                        Duration.ofSeconds(5),
                        "0"),
                new Row(ConfigOptions.USE_LAYERWISE, false, "true", true, "layers"),
                new Row(ConfigOptions.LMCACHE_INSTANCE_ID, "lmcache_default_instance", "blue", "blue", ""));
    }

    @Test
    void everyOptionHasARowHere() {
        assertThat(rows().map(Row::option)).containsExactlyElementsOf(ConfigOptions.all());
    }

    @Test
    void everyConstantIsInTheTable() {
        List<Object> constants = Arrays.stream(ConfigOptions.class.getFields())
                .filter(field -> Modifier.isStatic(field.getModifiers()))
                .map(ConfigOptionsTest::constant)
                .toList();
        assertThat(constants).containsExactlyElementsOf(ConfigOptions.all());
    }

    @Test
    void lmcachesOldAndNewNamesAreTheSameOption() {
        assertThat(ConfigOptions.CUFILE_BUFFER_SIZE.aliases()).containsExactly("gds_buffer_size");
        assertThat(ConfigOptions.USE_CUFILE.aliases()).containsExactly("extra_config.use_cufile", "use_gds");
        assertThat(ConfigOptions.USE_DIRECT_IO.aliases()).containsExactly("extra_config.use_direct_io");
        assertThat(ConfigOptions.DISK_IO_THREADS.aliases())
                .containsExactly("gds_io_threads", "extra_config.gds_io_threads");
        assertThat(ConfigOptions.MAX_ALLOC_ATTEMPTS.aliases()).containsExactly("extra_config.max_alloc_attempts");
        assertThat(ConfigOptions.ALLOCATION_ATTEMPT_DELAY_SECS.aliases())
                .containsExactly("extra_config.allocation_attempt_delay_secs");
    }

    @ParameterizedTest
    @MethodSource("rows")
    void defaultHolds(Row row) {
        LmcacheConfig config = load(Map.of());
        assertThat(config.value(row.option())).isEqualTo(row.defaultValue());
        assertThat(config.origin(row.option())).isEqualTo(new ConfigOrigin.Default());
    }

    @ParameterizedTest
    @MethodSource("rows")
    void printedValueReadsAsTheSameValue(Row row) {
        LmcacheConfig config = load(environment(row.option().name(), row.text()));
        LmcacheConfig again = LmcacheConfig.of(Map.of(row.option().name(), config.text(row.option())));
        assertThat(again.value(row.option())).isEqualTo(row.value());
    }

    @ParameterizedTest
    @MethodSource("rows")
    void fileSetsItUnderEachName(Row row) throws IOException {
        for (String name : ConfigOptions.names(row.option()).toList()) {
            Path file = file(yaml(name, row.text()));
            LmcacheConfig config = load(configFile(file));
            assertThat(config.value(row.option())).as(name).isEqualTo(row.value());
            assertThat(config.origin(row.option())).as(name).isEqualTo(new ConfigOrigin.File(file));
        }
    }

    @ParameterizedTest
    @MethodSource("rows")
    void environmentSetsItUnderEachName(Row row) {
        for (String name : ConfigOptions.names(row.option()).toList()) {
            Map<String, String> environment = environment(name, row.text());
            LmcacheConfig config = load(environment);
            assertThat(config.value(row.option())).as(name).isEqualTo(row.value());
            assertThat(config.origin(row.option()))
                    .as(name)
                    .isEqualTo(new ConfigOrigin.Environment(
                            environment.keySet().iterator().next()));
        }
    }

    @ParameterizedTest
    @MethodSource("rows")
    void codeSetsIt(Row row) {
        LmcacheConfig config = LmcacheConfig.of(Map.of(row.option().name(), row.text()));
        assertThat(config.value(row.option())).isEqualTo(row.value());
        assertThat(config.origin(row.option())).isEqualTo(new ConfigOrigin.Code());
    }

    @ParameterizedTest
    @MethodSource("rows")
    void badValueIsReportedWithEverythingNeededToCorrectIt(Row row) {
        assertThatThrownBy(() -> LmcacheConfig.of(Map.of(row.option().name(), row.bad())))
                .isInstanceOf(LmcacheException.class)
                .hasMessage("Invalid configuration: " + row.option().name() + " is '" + row.bad()
                        + "' (code), allowed are " + row.option().allowed());
    }

    @ParameterizedTest
    @MethodSource("rows")
    void documentationIsWhole(Row row) {
        assertThat(row.option().documentation()).endsWith(".").hasSizeGreaterThan(20);
        assertThat(row.option().allowed()).isNotBlank();
        assertThat(row.option().type()).isNotBlank();
        assertThat(row.option().environmentVariable())
                .isEqualTo("LMCACHE_" + row.option().name().toUpperCase(Locale.ROOT));
    }

    private static LmcacheConfig load(Map<String, String> environment) {
        return ConfigLoader.load(environment, Map.of(), MEMORY);
    }

    private static Map<String, String> configFile(Path file) {
        return Map.of("LMCACHE_CONFIG_FILE", file.toString());
    }

    private Path file(String yaml) throws IOException {
        return Files.writeString(folder.resolve("lmcache.yaml"), yaml);
    }

    private static String yaml(String name, String text) {
        return name.startsWith("extra_config.")
                ? "extra_config:\n  " + name.substring("extra_config.".length()) + ": " + text + "\n"
                : name + ": " + text + "\n";
    }

    private static Map<String, String> environment(String name, String text) {
        return name.startsWith("extra_config.")
                ? Map.of(
                        "LMCACHE_EXTRA_CONFIG",
                        "{\"" + name.substring("extra_config.".length()) + "\": \"" + text + "\"}")
                : Map.of("LMCACHE_" + name.toUpperCase(Locale.ROOT), text);
    }

    private static ByteSize gib(long count) {
        return new ByteSize(count * ByteSize.GIB);
    }

    private static ByteSize mib(long count) {
        return new ByteSize(count * ByteSize.MIB);
    }

    private static Object constant(Field field) {
        try {
            return field.get(null);
        } catch (IllegalAccessException e) {
            throw new AssertionError(e);
        }
    }
}
