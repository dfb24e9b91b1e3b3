package io.lmcache.api.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class BackendSettingsTest {
    private static final Option<Integer> THREADS = Option.of("threads", "4", OptionType.wholeNumber(1, 8), "Threads.");
    private static final Option<List<Path>> PATHS = Option.of("paths", "", OptionType.PATHS, "Directories.");
    private static final Option<ByteSize> SIZE = Option.of("size", "1", OptionType.gigabytes(0), "The most.")
            .withAlias("extra_config.size")
            .formerly("size_bytes", ByteSize::withUnit);

    @Test
    void valuesAreReadThroughTheirOptions() {
        BackendSettings settings = settings(Map.of("threads", " 8 ", "paths", " /a, ,/b ,", "size", "512 MiB"));
        assertThat(settings.value(THREADS)).isEqualTo(8);
        assertThat(settings.given(THREADS)).contains(8);
        assertThat(settings.required(PATHS)).containsExactly(Path.of("/a"), Path.of("/b"));
        assertThat(settings.value(SIZE)).isEqualTo(new ByteSize(512 * ByteSize.MIB));
    }

    @Test
    void whatIsNotSetHasTheDefault() {
        BackendSettings settings = settings(Map.of());
        assertThat(settings.value(THREADS)).isEqualTo(4);
        assertThat(settings.given(THREADS)).isEmpty();
        assertThat(settings.value(PATHS)).isEmpty();
    }

    @Test
    void formerNameIsReadInItsFormerUnit() {
        assertThat(settings(Map.of("size_bytes", "4096")).value(SIZE)).isEqualTo(new ByteSize(4096));
        assertThat(settings(Map.of("size_bytes", "4 KiB")).value(SIZE)).isEqualTo(new ByteSize(4096));
    }

    @Test
    void valueThatIsNotAllowedNamesTheSettingTheValueAndWhatIsAllowed() {
        assertInvalid(
                () -> settings(Map.of("threads", "9")).value(THREADS),
                "Backend 'disk': setting 'threads' is '9', allowed are whole numbers from 1 to 8");
        assertInvalid(
                () -> settings(Map.of("size_bytes", "much")).value(SIZE),
                "Backend 'disk': setting 'size_bytes' is 'much', allowed");
        assertInvalid(() -> settings(Map.of("paths", ",")).required(PATHS), "Backend 'disk' needs the setting 'paths'");
    }

    private static BackendSettings settings(Map<String, String> values) {
        return BackendSettings.of("disk", values);
    }

    private static void assertInvalid(Runnable read, String message) {
        assertThatThrownBy(read::run)
                .hasMessageContaining(message)
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_CONFIGURATION));
    }
}
