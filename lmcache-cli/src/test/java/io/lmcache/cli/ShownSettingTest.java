package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.core.config.LmcacheConfig;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class ShownSettingTest {
    @Test
    void tiersOfOneKindAreShownEachWithItsKindAndAllItsSettings() {
        LmcacheConfig config = LmcacheConfig.of(Map.of(
                "storage_plugins", List.of("near", "far"),
                "near", Map.of("kind", "posix", "gds_path", "/near"),
                "far", Map.of("kind", "posix", "gds_path", "/far", "fsync", "full")));
        Map<String, ShownSetting> shown =
                ShownSetting.all(config).stream().collect(Collectors.toMap(ShownSetting::name, Function.identity()));
        assertThat(shown.get("near.kind")).extracting(ShownSetting::value).isEqualTo("posix");
        assertThat(shown.get("near.fsync")).extracting(ShownSetting::value).isEqualTo("none");
        assertThat(shown.get("near.fsync"))
                .extracting(setting -> setting.origin().toString())
                .isEqualTo("default");
        assertThat(shown.get("far.gds_path")).extracting(ShownSetting::value).isEqualTo("/far");
        assertThat(shown.get("far.fsync")).extracting(ShownSetting::value).isEqualTo("full");
        assertThat(shown.get("far.fsync")).extracting(ShownSetting::users).isEqualTo(List.of("far"));
    }

    @Test
    void aBackendUnderItsOwnNameShowsNoKind() {
        LmcacheConfig config =
                LmcacheConfig.of(Map.of("storage_plugins", "posix", "posix", Map.of("gds_path", "/near")));
        assertThat(ShownSetting.all(config))
                .extracting(ShownSetting::name)
                .contains("posix.gds_path")
                .doesNotContain("posix.kind");
    }
}
