package io.lmcache.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import io.lmcache.core.backend.BackendRegistry;
import io.lmcache.core.config.LmcacheNames.Group;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A configuration of LMCache moves over, and what becomes of each of its settings is said. */
class MigrationTest {
    private static final OptionTable OPTIONS = new OptionTable(BackendRegistry.discover());
    private static final Path DOCUMENT = Path.of("..", "docs", "configuration.md");
    private static final String TABLE_HEAD = "| LMCache's setting | here |\n|---|---|\n";
    private static final Pattern TABLE = Pattern.compile("\\| LMCache's setting .*?\n(\\|.*\n)+");

    @TempDir
    private Path folder;

    static Stream<String> settingsOfLmcache() throws IOException {
        try (InputStream in = MigrationTest.class.getResourceAsStream("lmcache-settings.txt")) {
            assertThat(in).isNotNull();
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                            .lines()
                            .filter(line -> !line.startsWith("#"))
                            .flatMap(line -> Arrays.stream(line.split(" ")))
                            .toList()
                            .stream();
        }
    }

    @ParameterizedTest
    @MethodSource("settingsOfLmcache")
    void everySettingIsKnown(String name) {
        assertThat(name.equals("extra_config")
                        || LmcacheNames.isHonoured(name)
                        || LmcacheNames.nameHere(name).isPresent()
                        || LmcacheNames.isUnused(name))
                .isTrue();
    }

    @Test
    void eachHasOneFate() throws IOException {
        assertThat(settingsOfLmcache().filter(name -> LmcacheNames.isHonoured(name) && LmcacheNames.isUnused(name)))
                .isEmpty();
        assertThat(LmcacheNames.RENAMED.keySet())
                .noneMatch(name -> LmcacheNames.isHonoured(name) || LmcacheNames.isUnused(name));
    }

    @Test
    void whatIsHonouredIsAnOption() {
        // Those of the tier for GPUs are declared by a module that is not on this class path.
        List<String> elsewhere = List.of("gds_buffer_size", "cufile_buffer_size");
        assertThat(LmcacheNames.HONOURED.stream()
                        .flatMap(group -> group.names().stream())
                        .filter(name -> !elsewhere.contains(name)))
                .allSatisfy(name -> assertThat(OPTIONS.named(name)).as(name).isPresent());
    }

    @Test
    void theTableOfTheDocumentSaysTheSame() throws IOException {
        String table = TABLE_HEAD
                + Stream.of(
                                LmcacheNames.HONOURED.stream().map(MigrationTest::row),
                                new TreeMap<>(LmcacheNames.RENAMED)
                                        .entrySet().stream()
                                                .map(entry -> "| `%s` | `%s` |\n"
                                                        .formatted(entry.getKey(), entry.getValue())),
                                LmcacheNames.UNUSED.stream()
                                        .map(group -> row(new Group(group.names(), "no use: " + group.here()))))
                        .flatMap(rows -> rows)
                        .collect(Collectors.joining());
        if (Boolean.getBoolean("lmcache.documents.write")) {
            String text = Files.readString(DOCUMENT);
            Files.writeString(DOCUMENT, TABLE.matcher(text).replaceFirst(Matcher.quoteReplacement(table)));
        }
        assertThat(Files.readString(DOCUMENT))
                .as("the table of LMCache's settings; -Dlmcache.documents.write=true writes it")
                .contains("\n\n" + table + "\n");
    }

    private static String row(Group group) {
        return "| " + group.names().stream().map(name -> "`" + name + "`").collect(Collectors.joining(", ")) + " | "
                + group.here() + " |\n";
    }

    @Test
    void oneMessageTellsWhatBecomesOfThem() throws IOException {
        LmcacheConfig config = load("""
                chunk_size: 256
                save_unfull_chunk: false
                enable_p2p: false
                p2p_host: localhost
                local_disk: file:///mnt/disk/lmcache/
                max_local_disk_size: 20
                extra_config: {use_odirect: true, nixl_pool_size: 64}
                """, Map.of("LMCACHE_LOOKUP_URL", "redis://host"));
        assertThat(config.warnings())
                .containsExactly("LMCache's settings, honoured: chunk_size, save_unfull_chunk, local_disk,"
                        + " max_local_disk_size (file " + file() + ");"
                        + " by another name: extra_config.use_odirect, here disk.use_direct_io (file " + file() + ");"
                        + " of no use here: lookup_url (environment variable LMCACHE_LOOKUP_URL), enable_p2p, p2p_host,"
                        + " extra_config.nixl_pool_size (file " + file() + ")");
    }

    @Test
    void whatIsHonouredAloneIsNoNews() throws IOException {
        assertThat(load("{chunk_size: 256, local_disk: file:///d/, max_local_disk_size: 1.5}", Map.of())
                        .warnings())
                .isEmpty();
    }

    @Test
    void theOrdinaryDiskBecomesATierOfFiles() throws IOException {
        LmcacheConfig config = load("""
                local_disk: "file:///mnt/nvme0/lm,file:///mnt/nvme1/lm/"
                max_local_disk_size: 4000
                local_disk_path_sharding: by_gpu
                disk: {fsync: data}
                """, Map.of());
        assertThat(config.diskTier()).contains("disk");
        assertThat(config.pluginKind("disk")).isEqualTo("posix");
        assertThat(config.value(ConfigOptions.LOCAL_DISK))
                .containsExactly(Path.of("/mnt/nvme0/lm"), Path.of("/mnt/nvme1/lm"));
        assertThat(config.pluginSettings("disk"))
                .containsOnly(
                        entry("gds_path", "file:///mnt/nvme0/lm,file:///mnt/nvme1/lm/"),
                        entry("max_gds_size", "4000"),
                        entry("gds_path_sharding", "by_gpu"),
                        entry("fsync", "data"));
        assertThat(config.pluginOrigin("disk", "gds_path")).isEqualTo(new ConfigOrigin.File(file()));
    }

    @ParameterizedTest
    @CsvSource({"0", "0.0"})
    void aDiskWithoutASizeIsNoTierAndSaysSo(String size) throws IOException {
        for (String yaml : List.of("local_disk: /d", "{local_disk: /d, max_local_disk_size: " + size + "}")) {
            LmcacheConfig config = load(yaml, Map.of());
            assertThat(config.diskTier()).isEmpty();
            assertThat(config.warnings())
                    .singleElement()
                    .asString()
                    .startsWith("local_disk (file " + file() + ") makes no tier: max_local_disk_size is 0,");
        }
        assertThat(load("{local_disk: null, max_local_disk_size: " + size + "}", Map.of())
                        .warnings())
                .isEmpty();
    }

    @Test
    void settingsOfADiskThatIsNotThereHaveNoUse() throws IOException {
        assertThat(load("local_disk_path_sharding: by_gpu", Map.of()).warnings())
                .containsExactly("LMCache's settings, of no use here: local_disk_path_sharding (file " + file() + ")");
    }

    @Test
    void noHostTierNeedsNoSize() throws IOException {
        LmcacheConfig config = load("{local_cpu: false, max_local_cpu_size: 0, gds_path: /d}", Map.of());
        assertThat(config.value(ConfigOptions.LOCAL_CPU)).isFalse();
        assertThat(config.text("max_local_cpu_size")).isEqualTo("0 B");
        assertThat(config.warnings()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "use_gds: true | use_cufile | auto",
                "use_gds: false | use_cufile | false",
                "extra_config: {use_cufile: true} | use_cufile | true",
                "extra_config: {use_cufile: false} | use_cufile | false",
                "extra_config: {disk_io_threads: 32} | disk_io_threads | 32",
                "extra_config: {gds_io_threads: 0} | disk_io_threads | 1",
                "weka_path: /mnt/weka | gds_path | /mnt/weka",
                "external_backends: [posix] | storage_plugins | posix",
            })
    void namesOfEachReleaseMeanWhatTheyMeantThere(String yaml, String name, String value) throws IOException {
        assertThat(load("{" + yaml + "}", Map.of()).text(name)).isEqualTo(value);
    }

    private Path file() {
        return folder.resolve("lmcache.yaml");
    }

    private LmcacheConfig load(String yaml, Map<String, String> environment) throws IOException {
        Map<String, String> variables = new HashMap<>(environment);
        variables.put("LMCACHE_CONFIG_FILE", Files.writeString(file(), yaml).toString());
        return ConfigLoader.load(variables, Map.of());
    }
}
