package io.lmcache.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.option.SharedOptions.CufileUse;
import io.lmcache.core.backend.BackendRegistry;
import io.lmcache.core.hash.HashSeed;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigLoaderTest {
    private static final OptionTable OPTIONS = new OptionTable(BackendRegistry.discover());
    private static final ByteSize MEMORY = new ByteSize(16 * ByteSize.GIB);

    @TempDir
    private Path folder;

    // Layers

    @Test
    void strongerSourceReplacesWeakerOneOptionByOption() throws IOException {
        LmcacheConfig config =
                load("""
                chunk_size: 1
                disk_io_threads: 1
                min_retrieve_tokens: 1
                """, Map.of("LMCACHE_CHUNK_SIZE", "2", "LMCACHE_DISK_IO_THREADS", "2"), Map.of("chunk_size", 3));
        assertThat(config.value(ConfigOptions.CHUNK_SIZE)).isEqualTo(3);
        assertThat(config.text("disk_io_threads")).isEqualTo("2");
        assertThat(config.value(ConfigOptions.MIN_RETRIEVE_TOKENS)).isEqualTo(1);
        assertThat(config.value(SharedOptions.MAX_ALLOC_ATTEMPTS)).isEqualTo(10);
        assertThat(config.origin(ConfigOptions.CHUNK_SIZE)).hasToString("code");
        assertThat(config.origin("disk_io_threads")).hasToString("environment variable LMCACHE_DISK_IO_THREADS");
        assertThat(config.origin(ConfigOptions.MIN_RETRIEVE_TOKENS)).hasToString("file " + file());
        assertThat(config.origin(SharedOptions.MAX_ALLOC_ATTEMPTS)).hasToString("default");
    }

    @Test
    void aliasInAStrongerSourceReplacesTheNameInAWeakerOne() throws IOException {
        LmcacheConfig config = load("disk_io_threads: 8", Map.of("LMCACHE_GDS_IO_THREADS", "2"));
        assertThat(config.text("disk_io_threads")).isEqualTo("2");
    }

    @Test
    void badValueThatIsReplacedDoesNoHarm() throws IOException {
        assertThat(load("chunk_size: lots", Map.of("LMCACHE_CHUNK_SIZE", "64")).value(ConfigOptions.CHUNK_SIZE))
                .isEqualTo(64);
    }

    @Test
    void extraConfigOfTheEnvironmentReplacesTheFilesEntryByEntry() throws IOException {
        LmcacheConfig config = load("""
                extra_config:
                  use_cufile: false
                  gds_io_threads: 8
                """, Map.of("LMCACHE_EXTRA_CONFIG", "{\"gds_io_threads\": 2}"));
        assertThat(config.value(SharedOptions.USE_CUFILE)).isEqualTo(CufileUse.FALSE);
        assertThat(config.text("disk_io_threads")).isEqualTo("2");
        assertThat(config.origin("disk_io_threads")).isEqualTo(new ConfigOrigin.Environment("LMCACHE_EXTRA_CONFIG"));
    }

    @Test
    void exampleOfLmcachesManualWorksAlsoWithoutTheTierForGpus() throws IOException {
        LmcacheConfig config = load("""
                # GDS backend
                local_cpu: false
                chunk_size: 256
                gds_path: "/mnt/gds/cache"
                cufile_buffer_size: 8192
                extra_config: {'use_cufile': false}
                """);
        assertThat(config.value(ConfigOptions.LOCAL_CPU)).isFalse();
        assertThat(config.value(SharedOptions.GDS_PATH)).containsExactly(Path.of("/mnt/gds/cache"));
        assertThat(config.value(SharedOptions.USE_CUFILE)).isEqualTo(CufileUse.FALSE);
        assertThat(config.warnings()).singleElement().asString().contains("of no use here: cufile_buffer_size (");
    }

    private enum Sync {
        FULL
    }

    @Test
    void codeTakesNumbersBooleansPathsListsAndConstants() {
        LmcacheConfig config = LmcacheConfig.of(Map.of(
                "chunk_size",
                16,
                "local_cpu",
                false,
                "gds_path",
                List.of(Path.of("/a"), Path.of("/b")),
                "max_gds_size",
                new ByteSize(4096),
                "fsync",
                Sync.FULL));
        assertThat(config.value(ConfigOptions.CHUNK_SIZE)).isEqualTo(16);
        assertThat(config.value(ConfigOptions.LOCAL_CPU)).isFalse();
        assertThat(config.value(SharedOptions.GDS_PATH)).containsExactly(Path.of("/a"), Path.of("/b"));
        assertThat(config.text("max_gds_size")).isEqualTo("4 KiB");
        assertThat(config.text("fsync")).isEqualTo("full");
    }

    @Test
    void emptyListInCodeSwitchesTheFilesPathOff() throws IOException {
        LmcacheConfig config = load("gds_path: /a", Map.of(), Map.of("gds_path", List.of()));
        assertThat(config.value(SharedOptions.GDS_PATH)).isEmpty();
        assertThat(config.origin(SharedOptions.GDS_PATH)).isEqualTo(new ConfigOrigin.Code());
    }

    // Texts

    @Test
    void scalarsOfTheFileStayTheTextsThatWereWritten() throws IOException {
        LmcacheConfig config = load("""
                gds_path: 1e3
                lmcache_instance_id: on
                storage_plugins: [on, yes]
                on: {date: 2026-01-01, octal: 010, hex: 0x10, float: 1.50, null text: "null", time: 12:30:45, tagged: !!int x}
                """);
        assertThat(config.value(SharedOptions.GDS_PATH)).containsExactly(Path.of("1e3"));
        assertThat(config.value(ConfigOptions.LMCACHE_INSTANCE_ID)).isEqualTo("on");
        assertThat(config.value(ConfigOptions.STORAGE_PLUGINS)).containsExactly("on", "yes");
        assertThat(config.pluginSettings("on"))
                .isEqualTo(Map.of(
                        "date", "2026-01-01",
                        "octal", "010",
                        "hex", "0x10",
                        "float", "1.50",
                        "null text", "null",
                        "time", "12:30:45",
                        "tagged", "x"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"010", "1_000", "0x100", "+5", "256.0", "1e2", "", "256 tokens", "99999999999"})
    void wholeNumberIsDecimalDigitsOnly(String text) {
        assertThatThrownBy(() -> LmcacheConfig.of(Map.of("chunk_size", text)))
                .hasMessageContaining(
                        "chunk_size is '" + text + "' (code), allowed are whole numbers from 1 to 1048576");
    }

    @ParameterizedTest
    @ValueSource(strings = {"86400.001", "0.0001", "-1", "NaN", "ten", "1e400"})
    void timeOutOfBoundsIsRefused(String text) {
        assertThatThrownBy(() -> LmcacheConfig.of(Map.of("blocking_timeout_secs", text)))
                .hasMessageContaining(
                        "blocking_timeout_secs is '" + text + "' (code), allowed are seconds from 0.001 to" + " 86400");
    }

    @ParameterizedTest
    @CsvSource({
        "true, true",
        "True, true",
        "TRUE, true",
        "1, true",
        "yes, true",
        "y, true",
        "On, true",
        "false, false",
        "False, false",
        "0, false",
        "no, false",
        "N, false",
        "OFF, false"
    })
    void fileKnowsTheWordsOfYamlForTrueAndFalse(String word, boolean value) throws IOException {
        assertThat(load("save_unfull_chunk: " + word).value(ConfigOptions.SAVE_UNFULL_CHUNK))
                .isEqualTo(value);
    }

    @ParameterizedTest
    @CsvSource({
        "true, true",
        "TRUE, true",
        "1, true",
        "yes, false",
        "Y, false",
        "on, false",
        "false, false",
        "0, false",
        "no, false",
        "n, false",
        "off, false"
    })
    void onlyTrueAndOneAreTrueInTheEnvironment(String word, boolean value) {
        LmcacheConfig config = load(Map.of("LMCACHE_SAVE_UNFULL_CHUNK", word));
        assertThat(config.value(ConfigOptions.SAVE_UNFULL_CHUNK)).isEqualTo(value);
    }

    @Test
    void yesThatMeansFalseIsSaid() {
        assertThat(load(Map.of("LMCACHE_LOCAL_CPU", "yes")).warnings())
                .singleElement()
                .asString()
                .startsWith("LMCACHE_LOCAL_CPU=yes means false");
        assertThat(load(Map.of("LMCACHE_LOCAL_CPU", "no", "LMCACHE_USE_DIRECT_IO", "1"))
                        .warnings())
                .isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"true, AUTO", "yes, AUTO", "false, FALSE"})
    void useGdsTrueMayFallBack(String text, CufileUse use) throws IOException {
        assertThat(load("use_gds: " + text).value(SharedOptions.USE_CUFILE)).isEqualTo(use);
    }

    @ParameterizedTest
    @CsvSource({"true, TRUE", "auto, AUTO", "AUTO, AUTO", "off, FALSE"})
    void useCufileTrueRequiresIt(String text, CufileUse use) throws IOException {
        assertThat(load("use_cufile: " + text).value(SharedOptions.USE_CUFILE)).isEqualTo(use);
    }

    @ParameterizedTest
    @ValueSource(strings = {"gds_path: [/a, /b]", "gds_path: /a,/b", "gds_path: ' /a , /b '", "gds_path:\n- /a\n- /b"})
    void pathsAreAListOrCommaSeparated(String yaml) throws IOException {
        assertThat(load(yaml).value(SharedOptions.GDS_PATH)).containsExactly(Path.of("/a"), Path.of("/b"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"gds_path:", "gds_path: null", "gds_path: ~", "extra_config:"})
    void nullIsNotSet(String yaml) throws IOException {
        LmcacheConfig config = load(yaml);
        assertThat(config.origin(SharedOptions.GDS_PATH)).isEqualTo(new ConfigOrigin.Default());
    }

    @Test
    void blankVariableIsNotSet() throws IOException {
        LmcacheConfig config = load("chunk_size: 64", Map.of("LMCACHE_CHUNK_SIZE", "  ", "LMCACHE_EXTRA_CONFIG", ""));
        assertThat(config.value(ConfigOptions.CHUNK_SIZE)).isEqualTo(64);
        assertThat(load(Map.of("LMCACHE_CONFIG_FILE", " ")).warnings()).isEmpty();
    }

    @Test
    void interpolationMarksAreOrdinaryText() throws IOException {
        assertThat(load("lmcache_instance_id: ${env:HOME}").value(ConfigOptions.LMCACHE_INSTANCE_ID))
                .isEqualTo("${env:HOME}");
    }

    // Plugins

    @ParameterizedTest
    @ValueSource(
            strings = {
                "my-backend: {path: /x, retry: {max: 3}, hosts: [a, b]}",
                "my_backend: {path: /x, retry: {max: 3}, hosts: [a, b]}",
                "extra_config: {my-backend: {path: /x, retry: {max: 3}, hosts: [a, b]}}",
                "extra_config: {my-backend.path: /x, my-backend.retry.max: 3, my-backend.hosts: 'a,b'}",
                "{my-backend: {path: /x}, extra_config: {my_backend.retry: {max: 3}, my-backend.hosts: [a, b]}}",
            })
    void pluginGetsItsSettingsHoweverTheyAreNested(String yaml) throws IOException {
        LmcacheConfig config = load(yaml, Map.of("LMCACHE_STORAGE_PLUGINS", "other,my-backend"));
        assertThat(config.pluginSettings("my-backend"))
                .isEqualTo(Map.of("path", "/x", "retry.max", "3", "hosts", "a,b"));
        assertThat(config.pluginSettings("other")).isEmpty();
        assertThat(config.pluginOrigin("my-backend", "path")).isEqualTo(new ConfigOrigin.File(file()));
        assertThat(config.warnings()).isEmpty();
    }

    @Test
    void pluginSettingsAreLayeredOneByOne() throws IOException {
        LmcacheConfig config = load(
                """
                storage_plugins: [my-backend]
                my-backend: {path: /file, size: 1, ratio: 2.50}
                """,
                Map.of("LMCACHE_EXTRA_CONFIG", "{\"my-backend\": {\"path\": \"/env\", \"ratio\": 1.50, \"on\": true}}"),
                Map.of("my-backend", Map.of("size", 3)));
        assertThat(config.pluginSettings("my-backend"))
                .isEqualTo(Map.of("path", "/env", "size", "3", "ratio", "1.50", "on", "true"));
        assertThat(config.pluginOrigin("my-backend", "size")).isEqualTo(new ConfigOrigin.Code());
        assertThat(config.pluginOrigin("my-backend", "path"))
                .isEqualTo(new ConfigOrigin.Environment("LMCACHE_EXTRA_CONFIG"));
    }

    @Test
    void pluginSettingNamesMayHoldAnySign() throws IOException {
        LmcacheConfig config = load("{storage_plugins: p, p: {'a(1)[@b]..c': x}}");
        assertThat(config.pluginSettings("p")).isEqualTo(Map.of("a(1)[@b]..c", "x"));
    }

    @Test
    void originOfAMissingPluginSettingIsAnError() {
        LmcacheConfig config = LmcacheConfig.of(Map.of("storage_plugins", "p"));
        assertThatThrownBy(() -> config.pluginOrigin("p", "path"))
                .isInstanceOf(LmcacheException.class)
                .hasMessage("Tier 'p' has no setting 'path'");
    }

    @Test
    void mapOfABackendThatIsNotListedIsNamedAsSuch() throws IOException {
        LmcacheConfig config = load("my-backend: {path: /x}");
        assertThat(config.warnings())
                .containsExactly("Unknown setting my-backend (file " + file()
                        + ") has no effect; if it is a backend, name it in storage_plugins");
        assertThat(config.pluginSettings("my-backend")).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{storage_plugins: p, p: /x} | p is no map",
                "{storage_plugins: p, p: {a: [[1]]}} | p.a is a list of lists or maps",
                "{storage_plugins: p, p: &x {a: *x}} | is nested deeper than 8 maps",
                "{storage_plugins: 'p,p'} | storage_plugins is 'p,p'",
            })
    void malformedPluginSettingsAreProblems(String yaml, String problem) throws IOException {
        assertThat(problemOf(yaml, Map.of())).contains(problem);
    }

    @Test
    void unknownSettingInAMapOfABackendIsAProblemWithTheNearestName() throws IOException {
        String problem = problemOf("{storage_plugins: posix, posix: {max_byte: 1, gds_paht: /a, zzz: 1}}", Map.of());
        assertThat(problem.lines())
                .hasSize(4)
                .contains(
                        "  posix.max_byte (file " + file() + ") is no setting of backend 'posix'; did you mean"
                                + " max_gds_size?",
                        "  posix.gds_paht (file " + file()
                                + ") is no setting of backend 'posix'; did you mean gds_path?")
                .anyMatch(line ->
                        line.startsWith("  posix.zzz (") && line.contains("it has gds_path, gds_path_sharding,"));
    }

    @Test
    void valuesInAMapOfABackendAreCheckedByItsOptions() throws IOException {
        assertThat(problemOf("{storage_plugins: posix, posix: {gds_path: /a, max_gds_size: lots}}", Map.of()))
                .contains("posix.max_gds_size is 'lots' (file " + file()
                        + "), allowed are numbers of GB from 0, or a size with its unit such as 512 MiB");
        assertThat(load("{storage_plugins: posix, posix: {gds_path: [/a, /b], max_gds_size: 512 MiB}}")
                        .pluginSettings("posix"))
                .isEqualTo(Map.of("gds_path", "/a,/b", "max_gds_size", "512 MiB"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "s3://bucket/cache | 's3://bucket/cache' is a URL: mount what it names and give the directory",
                "$HOME/cache | '$HOME/cache' has a variable in it, which only a shell replaces: write its value",
                "/a/${X} | '/a/${X}' has a variable in it, which only a shell replaces: write its value",
                "/fine | '/fine' is there twice",
                "~root/cache | '~root/cache' is in the home of another user, which only a shell finds: write it out",
            })
    void pathThatIsNoneIsRefusedWithASentence(String path, String sentence) throws IOException {
        assertThat(problemOf("gds_path: '/fine," + path + "'", Map.of()))
                .isEqualTo("Invalid configuration: gds_path is '/fine," + path + "' (file " + file()
                        + "), allowed are paths, comma separated or as a list; " + sentence);
    }

    @Test
    void commaInAnEntryOfAListBelongsToThePath() throws IOException {
        List<Path> paths = List.of(Path.of("/a,b"), Path.of("/c"));
        LmcacheConfig config = load("gds_path: ['/a,b', /c]");
        assertThat(config.value(SharedOptions.GDS_PATH)).isEqualTo(paths);
        assertThat(LmcacheConfig.of(Map.of("gds_path", config.text("gds_path"))).value(SharedOptions.GDS_PATH))
                .isEqualTo(paths);
        assertThat(LmcacheConfig.of(Map.of("gds_path", Path.of("/a,b"))).value(SharedOptions.GDS_PATH))
                .containsExactly(Path.of("/a,b"));
    }

    @Test
    void tildeIsTheHomeOfTheUserAndAFileUrlAPath() throws IOException {
        Path home = Path.of(System.getProperty("user.home"));
        assertThat(load("gds_path: [~/cache, 'file:///b/c', /~d]").value(SharedOptions.GDS_PATH))
                .containsExactly(home.resolve("cache"), Path.of("/b/c"), Path.of("/~d"));
        assertThat(load("gds_path: '~'").value(SharedOptions.GDS_PATH)).containsExactly(home);
    }

    // Names

    @ParameterizedTest
    @CsvSource({
        "chunksize, chunk_size",
        "chunk-size, chunk_size",
        "CHUNK_SIZE, chunk_size",
        "chunk_sise, chunk_size",
        "local_gpu, local_cpu",
        "gds_paths, gds_path",
        "extra_config.use_direct_oi, use_direct_io",
        "extra_config.chunk_size, chunk_size",
    })
    void unknownNameIsAnsweredWithTheNearest(String unknown, String nearest) throws IOException {
        assertThat(load(unknown + ": 1").warnings())
                .containsExactly("Unknown setting " + unknown + " (file " + file() + ") has no effect; did you mean "
                        + nearest + "?");
    }

    @Test
    void unknownVariableIsAnsweredWithTheNearestName() {
        assertThat(load(Map.of("LMCACHE_CHUNK_SISE", "1")).warnings())
                .containsExactly("Unknown setting chunk_sise (environment variable LMCACHE_CHUNK_SISE) has no effect;"
                        + " did you mean chunk_size?");
    }

    @Test
    void nameThatIsNearToNothingGetsNoSuggestion() throws IOException {
        assertThat(load("{zzz: 1, flux_capacitor: 1, max_local_cpu: 1}").warnings())
                .containsExactly(
                        "Unknown setting zzz (file " + file() + ") has no effect",
                        "Unknown setting flux_capacitor (file " + file() + ") has no effect",
                        "Unknown setting max_local_cpu (file " + file() + ") has no effect");
    }

    @Test
    void variablesOfTheLauncherAndOfOthersAreNoSettings() {
        LmcacheConfig config = load(Map.of(
                "LMCACHE_PLUGIN_PATH", "/plugins",
                "LMCACHE_JVM_HOME", "/opt/lmcache",
                "LMCACHE_JAVA_OPTS", "-Xmx1g",
                "LMCACHE_USE_EXPERIMENTAL", "True",
                "PATH", "/bin",
                "CHUNK_SIZE", "0"));
        assertThat(config.warnings()).isEmpty();
    }

    @Test
    void anEnvironmentSaysSomethingOfTheCacheOrNot() {
        assertThat(ConfigLoader.isConfigured(Map.of("LMCACHE_CONFIG_FILE", "/x")))
                .isTrue();
        assertThat(ConfigLoader.isConfigured(Map.of("PATH", "/bin", "LMCACHE_CHUNK_SIZE", "16")))
                .isTrue();
        assertThat(ConfigLoader.isConfigured(Map.of(
                        "PATH", "/bin",
                        "LMCACHE_CHUNK_SIZE", " ",
                        "LMCACHE_JVM_HOME", "/opt/lmcache",
                        "LMCACHE_PLUGIN_PATH", "/plugins",
                        "LMCACHE_JAVA_OPTS", "-Xmx1g",
                        "LMCACHE_AOT", "false",
                        "LMCACHE_LOG_LEVEL", "info")))
                .isFalse();
    }

    @Test
    void layerwiseSwitchedOnHasNoUse() throws IOException {
        assertThat(load("use_layerwise: true").warnings())
                .containsExactly("LMCache's settings, of no use here: use_layerwise (file " + file() + ")");
    }

    @Test
    void layerwiseSwitchedOffIsNoNews() throws IOException {
        assertThat(load("use_layerwise: false").warnings()).isEmpty();
    }

    @Test
    void oneSettingUnderTwoNamesMustAgree() throws IOException {
        assertThat(load("{disk_io_threads: 64, gds_io_threads: 64}").text("disk_io_threads"))
                .isEqualTo("64");
        assertThat(problemOf("{disk_io_threads: 64, gds_io_threads: 32}", Map.of()))
                .contains("disk_io_threads is '64' (file " + file() + "), but gds_io_threads is '32' (file " + file()
                        + "); they are the same setting: keep one");
    }

    // Problems

    @Test
    void allProblemsAreReportedAtOnce() throws IOException {
        Files.writeString(file(), "{chunk_size: 0, gds_path: {a: 1}, max_local_cpu_size: .nan}");
        LmcacheException failure = catchThrowableOfType(
                LmcacheException.class,
                () -> ConfigLoader.load(
                        Map.of(
                                "LMCACHE_CONFIG_FILE", file().toString(),
                                "LMCACHE_LOCAL_CPU", "perhaps",
                                "LMCACHE_USE_EXPERIMENTAL", "False",
                                "LMCACHE_EXTRA_CONFIG", "{\"use_cufile\": 7}"),
                        Map.of("fsync", "sometimes"),
                        OPTIONS,
                        MEMORY));
        assertThat(failure.code()).isEqualTo(ErrorCode.INVALID_CONFIGURATION);
        assertThat(String.valueOf(failure.getMessage()).lines())
                .containsExactlyInAnyOrder(
                        "Invalid configuration, 7 problems:",
                        "  chunk_size is '0' (file " + file() + "), allowed are whole numbers from 1 to 1048576",
                        "  gds_path is a map or a list of lists or maps (file " + file()
                                + "), allowed are paths, comma separated or as a list",
                        "  max_local_cpu_size is '.nan' (file " + file()
                                + "), allowed are numbers of GB from 0, or a size with its unit such as 512 MiB",
                        "  local_cpu is 'perhaps' (environment variable LMCACHE_LOCAL_CPU), allowed are true and false",
                        "  LMCACHE_USE_EXPERIMENTAL is 'False' (environment), which asks for LMCache's legacy engine;"
                                + " there is none here: unset it",
                        "  extra_config.use_cufile is '7' (environment variable LMCACHE_EXTRA_CONFIG), allowed are"
                                + " auto, true and false",
                        "  fsync is 'sometimes' (code), allowed are none, data, full");
    }

    @Test
    void everyProblemIsOneLine() throws IOException {
        assertThat(problemOf("{chunk_size: \"1\\n2\", fsync: \"a\\r\\nb\"}", Map.of())
                        .lines())
                .hasSize(3)
                .anyMatch(line -> line.startsWith("  chunk_size is '1 2'"))
                .anyMatch(line -> line.startsWith("  fsync is 'a b'"));
    }

    @Test
    void damagedFileEndsInAConfigurationOrInItsProblems() throws IOException {
        long seed = System.nanoTime();
        SplittableRandom random = new SplittableRandom(seed);
        String yaml = """
                chunk_size: 256
                gds_path: [/a, "/b"]
                storage_plugins: [p]
                p: &anchor {path: /x, size: 1.5}
                extra_config: {use_cufile: true, p: *anchor}
                """;
        for (int round = 0; round < 2000; round++) {
            String damaged = damaged(yaml, random);
            try {
                load(damaged);
            } catch (LmcacheException e) {
                assertThat(e.code()).as("seed %d, file %s", seed, damaged).isEqualTo(ErrorCode.INVALID_CONFIGURATION);
            } catch (RuntimeException e) {
                throw new AssertionError("seed " + seed + ", file " + damaged, e);
            }
        }
    }

    private static String damaged(String text, SplittableRandom random) {
        String signs = "&*!|>{}[]:,-#?%@`'\"~<= \t\n\0a1.\\";
        StringBuilder damaged = new StringBuilder(text);
        for (int slips = random.nextInt(1, 5); slips > 0; slips--) {
            char sign = signs.charAt(random.nextInt(signs.length()));
            int at = random.nextInt(damaged.length());
            damaged.replace(at, at + random.nextInt(2), String.valueOf(sign));
        }
        return damaged.toString();
    }

    @ParameterizedTest
    @CsvSource({"native, SHA256", "lmcache_0_3_2, SHA256", "lmcache_0_5, BUILTIN"})
    void fileFormatBringsItsUsualHash(String format, HashAlgorithm usual) {
        Map<String, String> variables = Map.of("LMCACHE_FILE_FORMAT", format, "PYTHONHASHSEED", "0");
        LmcacheConfig config = load(variables);
        assertThat(config.value(ConfigOptions.PRE_CACHING_HASH_ALGORITHM)).isEqualTo(usual);
        assertThat(config.origin(ConfigOptions.PRE_CACHING_HASH_ALGORITHM)).isEqualTo(new ConfigOrigin.Default());
        assertThat(config.warnings()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "lmcache_0_3_2, builtin, sha256",
        "lmcache_0_3_2, blake3, sha256",
        "lmcache_0_3_2, sha256_cbor, sha256",
        "lmcache_0_5, sha256, builtin or sha256_cbor",
        "lmcache_0_5, blake3, builtin or sha256_cbor"
    })
    void hashThatNoLmcacheNamesTheFilesByIsAWarning(String format, String algorithm, String usual) {
        Map<String, String> variables = Map.of(
                "LMCACHE_FILE_FORMAT", format,
                "LMCACHE_PRE_CACHING_HASH_ALGORITHM", algorithm,
                "PYTHONHASHSEED", "0");
        assertThat(load(variables).warnings())
                .containsExactly("file_format is " + format + ", but pre_caching_hash_algorithm is " + algorithm
                        + ": no LMCache names the files of that format so, and neither side finds what the other stores;"
                        + " set pre_caching_hash_algorithm to " + usual);
    }

    @ParameterizedTest
    @CsvSource({"native, blake3", "native, builtin", "lmcache_0_3_2, sha256", "lmcache_0_5, sha256_cbor"})
    void hashThatGoesWithTheFilesIsTakenAsItIs(String format, String algorithm) {
        Map<String, String> variables = Map.of(
                "LMCACHE_FILE_FORMAT", format,
                "LMCACHE_PRE_CACHING_HASH_ALGORITHM", algorithm,
                "PYTHONHASHSEED", "0");
        assertThat(load(variables).warnings()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "lmcache_0_3_2, false, none, 1",
        "lmcache_0_3_2, false, data, 0",
        "lmcache_0_3_2, true, none, 0",
        "native, false, none, 0"
    })
    void filesThatNobodyCanCheckAreToBeForcedToTheDevice(String format, String checksum, String fsync, int warnings) {
        Map<String, String> variables =
                Map.of("LMCACHE_FILE_FORMAT", format, "LMCACHE_FILE_CHECKSUM", checksum, "LMCACHE_FSYNC", fsync);
        assertThat(load(variables).warnings())
                .hasSize(warnings)
                .allMatch(warning -> warning.contains("wrong bytes that nobody notices; set one of them"));
    }

    @Test
    void pythonsSeedHoldsWhereNoSettingSaysOtherwise() throws IOException {
        Map<String, String> python = Map.of("PYTHONHASHSEED", "42", "LMCACHE_PRE_CACHING_HASH_ALGORITHM", "builtin");
        LmcacheConfig config = load(python);
        assertThat(config.value(ConfigOptions.HASH_SEED)).isEqualTo(new HashSeed.Fixed(42));
        assertThat(config.origin(ConfigOptions.HASH_SEED)).hasToString("environment variable PYTHONHASHSEED");
        assertThat(config.warnings()).isEmpty();
        assertThat(load("hash_seed: unseeded", python).value(ConfigOptions.HASH_SEED))
                .isEqualTo(new HashSeed.Unseeded());
    }

    @Test
    void blankSeedOfPythonsIsNoSeed() {
        LmcacheConfig config = load(Map.of("PYTHONHASHSEED", " "));
        assertThat(config.origin(ConfigOptions.HASH_SEED)).isEqualTo(new ConfigOrigin.Default());
    }

    @ParameterizedTest
    @ValueSource(strings = {"-1", "4294967296", "99999999999999999999", "0x10", "007", "true", "zero"})
    void seedThatPythonWouldRefuseIsAProblem(String seed) {
        assertThat(problemOf(Map.of("PYTHONHASHSEED", seed)))
                .isEqualTo("Invalid configuration: hash_seed is '" + seed + "' (environment variable PYTHONHASHSEED),"
                        + " allowed are whole numbers from 0 to 4294967295, random and unseeded");
    }

    @ParameterizedTest
    @ValueSource(strings = {"builtin", "sha256_cbor"})
    void randomSeedIsAWarningThatNothingIsShared(String algorithm) {
        assertThat(load(Map.of("LMCACHE_PRE_CACHING_HASH_ALGORITHM", algorithm)).warnings())
                .containsExactly("pre_caching_hash_algorithm is " + algorithm + " and its seed is random: no other"
                        + " process, and no later one, finds what this one stores; set hash_seed, or PYTHONHASHSEED, to"
                        + " one number for all");
    }

    @ParameterizedTest
    @ValueSource(strings = {"sha256", "blake3"})
    void seedOfAHashWithoutOneHasNoEffect(String algorithm) {
        Map<String, String> variables =
                Map.of("LMCACHE_PRE_CACHING_HASH_ALGORITHM", algorithm, "LMCACHE_HASH_SEED", "0");
        assertThat(load(variables).warnings())
                .containsExactly("hash_seed (environment variable LMCACHE_HASH_SEED) has no effect:"
                        + " pre_caching_hash_algorithm is " + algorithm + ", which has no seed");
        assertThat(load(Map.of("LMCACHE_PRE_CACHING_HASH_ALGORITHM", algorithm, "PYTHONHASHSEED", "0"))
                        .warnings())
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"false", "0", "no", "n", "off", "FALSE", "Off", " no "})
    void legacyEngineIsRefused(String word) {
        assertThat(problemOf(Map.of("LMCACHE_USE_EXPERIMENTAL", word)))
                .contains("which asks for LMCache's legacy engine; there is none here: unset it");
    }

    @ParameterizedTest
    @ValueSource(strings = {"true", "1", "yes", "", "whatever"})
    void everyOtherWordKeepsThisEngine(String word) {
        assertThat(load(Map.of("LMCACHE_USE_EXPERIMENTAL", word)).warnings()).isEmpty();
    }

    @Test
    void useExperimentalInTheFileIsNotRead() throws IOException {
        assertThat(load("use_experimental: false").warnings())
                .containsExactly("Unknown setting use_experimental (file " + file()
                        + ") has no effect; it is read from the environment only, as LMCACHE_USE_EXPERIMENTAL");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "[1] | it is another kind of value",
                "null | it is another kind of value",
                "true | it is another kind of value",
                "{\"a\": 1 | in line 1, column",
                "{\"a\": 1, \"a\": 2} | Duplicate field 'a'",
                "{} {} | Trailing token",
                "use_cufile: true | in line 1, column",
            })
    void extraConfigThatIsNoJsonObjectIsAProblem(String json, String detail) {
        assertThat(problemOf(Map.of("LMCACHE_EXTRA_CONFIG", json)))
                .contains("LMCACHE_EXTRA_CONFIG (environment) is not a JSON object", detail);
    }

    // Memory

    @Test
    void sizesLargerThanTheMachineAreRefused() {
        assertThat(problemOf(Map.of("LMCACHE_MAX_LOCAL_CPU_SIZE", "17", "LMCACHE_MAX_BYTES_IN_FLIGHT", "1 TB"))
                        .lines())
                .contains(
                        "  max_local_cpu_size is 17 GiB (environment variable LMCACHE_MAX_LOCAL_CPU_SIZE), but this"
                                + " machine has 16 GiB of memory; lower it",
                        "  max_bytes_in_flight is 1 TiB (environment variable LMCACHE_MAX_BYTES_IN_FLIGHT), but this"
                                + " machine has 16 GiB of memory; lower it");
        assertThat(load(Map.of("LMCACHE_MAX_LOCAL_CPU_SIZE", "16")).text("max_local_cpu_size"))
                .isEqualTo("16 GiB");
    }

    @Test
    void sizeOfAHostTierThatIsOffIsNotChecked() {
        LmcacheConfig config = load(Map.of("LMCACHE_MAX_LOCAL_CPU_SIZE", "64", "LMCACHE_LOCAL_CPU", "false"));
        assertThat(config.text("max_local_cpu_size")).isEqualTo("64 GiB");
    }

    @Test
    void memoryOfThisMachineIsKnown() {
        assertThatThrownBy(() -> LmcacheConfig.of(Map.of("max_local_cpu_size", "1000000 TB")))
                .hasMessageContaining("but this machine has");
    }

    // The file

    @ParameterizedTest
    @ValueSource(strings = {"", "\n", "# nothing\n", "---\n", "{}"})
    void emptyFileMeansDefaults(String yaml) throws IOException {
        LmcacheConfig config = load(yaml);
        assertThat(config.options().all())
                .allSatisfy(option -> assertThat(config.origin(option)).isEqualTo(new ConfigOrigin.Default()));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "- chunk_size | holds no map of settings",
                "just words | holds no map of settings",
                "chunk_size: 1: 2 | is not valid YAML in line 1: mapping values are not allowed here",
                "\"chunk_size: 1\nchunk_size: 2\" | is not valid YAML in line 2: found duplicate key chunk_size",
                "\"a: 1\n\tb: 2\" | is not valid YAML in line 2",
                "\"a: 1\n---\nb: 2\" | is not valid YAML in line 2",
                "a: [1 | is not valid YAML in line",
                "a: !!java.net.URL [x] | is not valid YAML in line 1",
                "extra_config: 5 | extra_config is no map",
            })
    void malformedFileIsAProblem(String yaml, String problem) throws IOException {
        assertThat(problemOf(yaml, Map.of())).contains(file().toString(), problem);
    }

    @Test
    void theHomeOfTheUserMayBeATilde() {
        assertThat(problemOf(Map.of("LMCACHE_CONFIG_FILE", "~/no such lmcache.yaml")))
                .contains(System.getProperty("user.home") + "/no such lmcache.yaml");
    }

    @Test
    void missingFileIsAProblem() {
        Path missing = folder.resolve("missing.yaml");
        assertThat(problemOf(Map.of("LMCACHE_CONFIG_FILE", missing.toString())))
                .isEqualTo(
                        "Invalid configuration: The configuration file " + missing
                                + " does not exist; correct it, or let LMCACHE_CONFIG_FILE (of a command, --config) name another or none");
    }

    @Test
    void directoryIsAProblem() {
        assertThat(problemOf(Map.of("LMCACHE_CONFIG_FILE", folder.toString()))).contains("is a directory");
    }

    @Test
    void binaryFileIsAProblem() throws IOException {
        Files.write(file(), new byte[] {(byte) 0xff, (byte) 0xfe, 0});
        assertThat(problemOf(Map.of("LMCACHE_CONFIG_FILE", file().toString()))).contains("is not UTF-8 text");
        Files.write(file(), new byte[] {'a', 0, 1});
        assertThat(problemOf(Map.of("LMCACHE_CONFIG_FILE", file().toString()))).contains("is not valid YAML");
    }

    @Test
    void hugeFileIsAProblem() throws IOException {
        Files.write(file(), new byte[YamlFile.MAX_BYTES + 1]);
        assertThat(problemOf(Map.of("LMCACHE_CONFIG_FILE", file().toString()))).contains("it is larger than 1 MiB");
    }

    @Test
    void nameThatIsNoPathIsAProblem() {
        assertThat(problemOf(Map.of("LMCACHE_CONFIG_FILE", "a\0b"))).contains("which is not a path");
    }

    private Path file() {
        return folder.resolve("lmcache.yaml");
    }

    private static LmcacheConfig load(Map<String, String> environment) {
        return ConfigLoader.load(environment, Map.of(), OPTIONS, MEMORY);
    }

    private LmcacheConfig load(String yaml) throws IOException {
        return load(yaml, Map.of());
    }

    private LmcacheConfig load(String yaml, Map<String, String> environment) throws IOException {
        return load(yaml, environment, Map.of());
    }

    private LmcacheConfig load(String yaml, Map<String, String> environment, Map<String, ?> code) throws IOException {
        Map<String, String> variables = new HashMap<>(environment);
        variables.put("LMCACHE_CONFIG_FILE", Files.writeString(file(), yaml).toString());
        return ConfigLoader.load(variables, code, OPTIONS, MEMORY);
    }

    private String problemOf(String yaml, Map<String, String> environment) throws IOException {
        Map<String, String> variables = new HashMap<>(environment);
        variables.put("LMCACHE_CONFIG_FILE", Files.writeString(file(), yaml).toString());
        return problemOf(variables);
    }

    private static String problemOf(Map<String, String> environment) {
        LmcacheException failure = catchThrowableOfType(LmcacheException.class, () -> load(environment));
        assertThat(failure).isNotNull();
        assertThat(failure.code()).isEqualTo(ErrorCode.INVALID_CONFIGURATION);
        return String.valueOf(failure.getMessage());
    }
}
