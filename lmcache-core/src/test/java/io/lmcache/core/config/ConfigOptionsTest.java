package io.lmcache.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.option.SharedOptions.CufileUse;
import io.lmcache.api.option.SharedOptions.RemoteSerde;
import io.lmcache.core.backend.BackendRegistry;
import io.lmcache.core.hash.HashSeed;
import io.lmcache.core.metrics.MetricNames;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ConfigOptionsTest {
    private static final OptionTable OPTIONS = new OptionTable(BackendRegistry.discover());
    private static final ByteSize MEMORY = new ByteSize(64 * ByteSize.GIB);

    @TempDir
    private Path folder;

    /** What one option is without a word from anyone, and what becomes of a good and a bad text. */
    record Row(Option<?> option, Object defaultValue, String text, Object value, String bad) {
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
                new Row(
                        ConfigOptions.LOCAL_DISK,
                        List.of(),
                        "file:///a/,/b",
                        List.of(Path.of("/a"), Path.of("/b")),
                        "nfs://host/a"),
                new Row(
                        ConfigOptions.MAX_LOCAL_DISK_SIZE,
                        new ByteSize(0),
                        "1.5",
                        new ByteSize(3 * ByteSize.GIB / 2),
                        "-1"),
                new Row(
                        SharedOptions.GDS_PATH,
                        List.of(),
                        "/a, b c",
                        List.of(Path.of("/a"), Path.of("b c")),
                        "with\0zero"),
                new Row(SharedOptions.USE_CUFILE, CufileUse.AUTO, "false", CufileUse.FALSE, "sometimes"),
                new Row(
                        SharedOptions.REMOTE_URL,
                        Optional.empty(),
                        "shelf://a,b:1/c",
                        Optional.of(URI.create("shelf://a,b:1/c")),
                        "host:6379"),
                new Row(SharedOptions.REMOTE_SERDE, RemoteSerde.NAIVE, "Naive", RemoteSerde.NAIVE, "cachegen"),
                new Row(SharedOptions.MAX_ALLOC_ATTEMPTS, 10, "3", 3, "1.5"),
                new Row(
                        SharedOptions.ALLOCATION_ATTEMPT_DELAY_SECS,
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
                new Row(ConfigOptions.METRICS_NAMES, MetricNames.OWN, "LMCache", MetricNames.LMCACHE, "prometheus"),
                new Row(ConfigOptions.USE_LAYERWISE, false, "true", true, "layers"),
                new Row(ConfigOptions.LMCACHE_INSTANCE_ID, "lmcache_default_instance", "blue", "blue", ""));
    }

    @Test
    void everyOptionHasARowHere() {
        assertThat(rows().map(Row::option)).containsExactlyElementsOf(ConfigOptions.all());
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
        for (String name : OptionTable.names(row.option()).toList()) {
            Path file = file(yaml(name, row.text()));
            LmcacheConfig config = load(configFile(file));
            assertThat(config.value(row.option())).as(name).isEqualTo(row.value());
            assertThat(config.origin(row.option())).as(name).isEqualTo(new ConfigOrigin.File(file));
        }
    }

    @ParameterizedTest
    @MethodSource("rows")
    void environmentSetsItUnderEachName(Row row) {
        for (String name : OptionTable.names(row.option()).toList()) {
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
                .hasMessageStartingWith("Invalid configuration: " + row.option().name() + " is '" + row.bad()
                        + "' (code), allowed are " + row.option().allowed());
    }

    @ParameterizedTest
    @MethodSource("rows")
    void documentationIsWhole(Row row) {
        assertThat(row.option().documentation()).endsWith(".").hasSizeGreaterThan(20);
        assertThat(row.option().allowed()).isNotBlank();
        assertThat(row.option().type()).isNotBlank();
        assertThat(OptionTable.environmentVariable(row.option()))
                .isEqualTo("LMCACHE_" + row.option().name().toUpperCase(Locale.ROOT));
    }

    private static LmcacheConfig load(Map<String, String> environment) {
        return ConfigLoader.load(environment, Map.of(), OPTIONS, MEMORY);
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

    private static ByteSize mib(long count) {
        return new ByteSize(count * ByteSize.MIB);
    }
}
