package io.lmcache.api.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.MemoryFormat;
import java.util.Map;
import org.junit.jupiter.api.Test;

class BackendSettingsTest {
    private final BackendSettings settings = BackendSettings.of(
            "disk",
            Map.of("paths", " /a, ,/b ,", "sync", "TRUE", "threads", " 8 ", "format", "kv_mla_fmt", "odd", "maybe"));

    @Test
    void valuesAreReadAsTheirTypes() {
        assertThat(settings.list("paths")).containsExactly("/a", "/b");
        assertThat(settings.bool("sync", false)).isTrue();
        assertThat(settings.number("threads", 1, 1, 8)).isEqualTo(8);
        assertThat(settings.choice("format", MemoryFormat.KV_2LTD)).isEqualTo(MemoryFormat.KV_MLA_FMT);
        assertThat(settings.text("odd")).contains("maybe");
        assertThat(settings.requiredText("odd")).isEqualTo("maybe");
        assertThat(settings.names()).containsExactly("format", "odd", "paths", "sync", "threads");
    }

    @Test
    void whatIsNotSetHasTheDefault() {
        assertThat(settings.list("none")).isEmpty();
        assertThat(settings.bool("none", true)).isTrue();
        assertThat(settings.number("none", 5, 1, 8)).isEqualTo(5);
        assertThat(settings.choice("none", MemoryFormat.KV_2LTD)).isEqualTo(MemoryFormat.KV_2LTD);
        assertThat(settings.text("none")).isEmpty();
    }

    @Test
    void valueThatCannotBeReadNamesTheSettingTheValueAndWhatIsAllowed() {
        assertInvalid(() -> settings.bool("odd", false), "disk", "odd", "maybe", "true or false");
        assertInvalid(() -> settings.number("odd", 1, 1, 8), "disk", "odd", "maybe", "1 to 8");
        assertInvalid(() -> settings.number("threads", 1, 1, 7), "disk", "threads", "8", "1 to 7");
        assertInvalid(() -> settings.choice("odd", MemoryFormat.KV_2LTD), "odd", "maybe", "kv_2ltd, kv_mla_fmt");
        assertInvalid(() -> settings.requiredText("none"), "disk", "none");
    }

    private static void assertInvalid(Runnable read, String... mentioned) {
        assertThatThrownBy(read::run)
                .hasMessageContainingAll(mentioned)
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_CONFIGURATION));
    }
}
