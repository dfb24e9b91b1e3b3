package io.lmcache.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tiers with names of their own, several of one kind among them. */
class NamedTiersTest {
    private static final String TWO = """
            storage_plugins: [near, far]
            near: {kind: posix, gds_path: /near, max_gds_size: 200}
            far: {kind: posix, gds_path: /far, fsync: data}
            """;

    @TempDir
    private Path folder;

    @Test
    void eachHasItsKindAndItsOwnSettings() throws IOException {
        LmcacheConfig config = load(TWO, Map.of(), Map.of());
        assertThat(config.warnings()).isEmpty();
        assertThat(config.value(ConfigOptions.STORAGE_PLUGINS)).containsExactly("near", "far");
        assertThat(config.pluginKind("near")).isEqualTo("posix");
        assertThat(config.pluginKind("far")).isEqualTo("posix");
        assertThat(config.pluginSettings("near"))
                .containsOnly(entry("gds_path", "/near"), entry("max_gds_size", "200"));
        assertThat(config.pluginSettings("far")).containsOnly(entry("gds_path", "/far"), entry("fsync", "data"));
        assertThat(config.pluginOrigin("far", "kind")).isEqualTo(new ConfigOrigin.File(file()));
    }

    @Test
    void environmentAndCodeReplaceSettingBySetting() throws IOException {
        LmcacheConfig config = load(
                TWO,
                Map.of("LMCACHE_EXTRA_CONFIG", "{\"near\": {\"max_gds_size\": 7}, \"far.kind\": \"cpu\"}"),
                Map.of("far.kind", "posix", "near.gds_path", Path.of("/nearer"), "near", Map.of("fsync", "full")));
        assertThat(config.pluginKind("far")).isEqualTo("posix");
        assertThat(config.pluginSettings("near"))
                .containsOnly(entry("gds_path", "/nearer"), entry("max_gds_size", "7"), entry("fsync", "full"));
        assertThat(config.pluginOrigin("near", "gds_path")).isEqualTo(new ConfigOrigin.Code());
    }

    @Test
    void allOfItCanBeSaidByTheEnvironment() {
        LmcacheConfig config = ConfigLoader.load(
                Map.of(
                        "LMCACHE_STORAGE_PLUGINS",
                        "near,far",
                        "LMCACHE_EXTRA_CONFIG",
                        "{\"near\": {\"kind\": \"posix\", \"gds_path\": \"/a\"},"
                                + " \"far\": {\"kind\": \"posix\", \"gds_path\": \"/b\"}}"),
                Map.of());
        assertThat(List.of(config.pluginKind("near"), config.pluginKind("far"))).containsOnly("posix");
        assertThat(config.pluginSettings("far")).containsOnly(entry("gds_path", "/b"));
    }

    @Test
    void theTopLevelIsNotTheirs() throws IOException {
        LmcacheConfig config = load("fsync: full\n" + TWO, Map.of(), Map.of());
        assertThat(config.pluginSettings("near")).doesNotContainKey("fsync");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{storage_plugins: 'a,a'} | ; 'a' is there twice: give each tier a name of its own, and name its backend",
                "{storage_plugins: cpu} | names a tier 'cpu', which is also the name of the tier that local_cpu makes;"
                        + " give it another, and kind: cpu in its map",
                "{gds_path: /x, storage_plugins: posix} | names a tier 'posix', which is also the name of the tier that"
                        + " gds_path makes",
                "{storage_plugins: fsync} | names a tier 'fsync', which is the name of a setting; give it another",
                "{storage_plugins: a, a: {kind: posx}} | a.kind is 'posx' (file FILE), did you mean posix? No storage"
                        + " backend is called 'posx'. Available: ",
                "{storage_plugins: a, a: {kind: elsewhere}} | a.kind is 'elsewhere' (file FILE): No storage backend",
                "{storage_plugins: a, a: {kind: posix, gds_paht: /x}} | a.gds_paht (file FILE) is no setting of backend"
                        + " 'posix'; did you mean gds_path?",
                "{storage_plugins: a, a: {kind: posix, fsync: never}} | a.fsync is 'never' (file FILE), allowed are"
                        + " none, data, full",
                "{storage_plugins: a, a: {kind: [[x]]}} | a.kind is a list of lists or maps",
            })
    void whatIsWrongIsNamedWithTheTier(String yaml, String problem) {
        assertThatThrownBy(() -> load(yaml, Map.of(), Map.of()))
                .hasMessageContaining(problem.replace("FILE", file().toString()));
    }

    @Test
    void aMisspeltTierIsNamedWithTheNearestOne() throws IOException {
        assertThat(load(TWO + "neer: {fsync: none}\n", Map.of(), Map.of()).warnings())
                .containsExactly("Unknown setting neer (file " + file() + ") has no effect; did you mean near?");
    }

    @Test
    void aTierOfHostMemoryHasToFitIntoTheMachine() {
        assertThatThrownBy(() ->
                        load("{storage_plugins: a, a: {kind: cpu, max_local_cpu_size: 100000 GB}}", Map.of(), Map.of()))
                .hasMessageContaining("a.max_local_cpu_size is 100000 GiB (file " + file() + "), but this machine has");
    }

    @Test
    void filesOfLmcacheInANamedTierDecideOnTheHashToo() throws IOException {
        LmcacheConfig config = load(
                "{hash_seed: 0, storage_plugins: a, a: {kind: posix, gds_path: /a, file_format: lmcache_0_5}}",
                Map.of(),
                Map.of());
        assertThat(config.value(ConfigOptions.PRE_CACHING_HASH_ALGORITHM)).isEqualTo(HashAlgorithm.BUILTIN);
        assertThat(config.warnings()).isEmpty();
        LmcacheConfig cbor = load(
                "{hash_seed: 0, pre_caching_hash_algorithm: sha256_cbor, storage_plugins: a,"
                        + " a: {kind: posix, gds_path: /a, file_format: lmcache_0_5}}",
                Map.of(),
                Map.of());
        assertThat(cbor.pluginSettings("a")).containsEntry("signed_hashes", "false");
    }

    @ParameterizedTest
    @ValueSource(strings = {"file_format: lmcache_0_3_2, pre_caching_hash_algorithm: blake3, ", ""})
    void checksOfTheWholeNameTheTier(String atTheTop) throws IOException {
        LmcacheConfig config = load(
                "{" + atTheTop + "storage_plugins: a, a: {kind: posix, gds_path: /a, file_format: lmcache_0_3_2,"
                        + " file_checksum: false}}",
                Map.of(),
                Map.of());
        assertThat(config.warnings()).anyMatch(warning -> warning.startsWith("a.file_checksum is false and a.fsync"));
        assertThat(config.warnings().stream().filter(warning -> warning.startsWith("a.file_format is lmcache_0_3_2")))
                .hasSize(atTheTop.isEmpty() ? 0 : 1);
    }

    private Path file() {
        return folder.resolve("lmcache.yaml");
    }

    private LmcacheConfig load(String yaml, Map<String, String> environment, Map<String, ?> code) throws IOException {
        Map<String, String> variables = new HashMap<>(environment);
        variables.put("LMCACHE_CONFIG_FILE", Files.writeString(file(), yaml).toString());
        return ConfigLoader.load(variables, code);
    }
}
