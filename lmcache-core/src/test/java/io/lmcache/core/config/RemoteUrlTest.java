package io.lmcache.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.OptionType;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.BackendSettings;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code remote_url} and the backend behind it. The class path has {@code shelf}, and none of the real ones. */
class RemoteUrlTest {
    @Test
    void theSchemeFindsTheBackendWhichGetsTheUrlAndTheMapUnderItsName() {
        LmcacheConfig config = LmcacheConfig.of(
                Map.of("remote_url", "SHELF://cellar", "remote_serde", "naive", "shelf", Map.of("boards", 5)));
        assertThat(config.remoteBackend()).hasValue("shelf");
        assertThat(config.remoteSettings("shelf"))
                .isEqualTo(Map.of("remote_url", "SHELF://cellar", "remote_serde", "naive", "boards", "5"));
        assertThat(config.warnings()).isEmpty();
    }

    @Test
    void withoutAUrlThereIsNoRemoteBackend() {
        assertThat(LmcacheConfig.of(Map.of()).remoteBackend()).isEmpty();
    }

    @Test
    void theBackendsOwnSettingsAreChecked() {
        assertThat(problem(Map.of("remote_url", "shelf://cellar", "shelf", Map.of("boards", 10))))
                .contains("shelf.boards is '10'", "from 1 to 9");
        assertThat(problem(Map.of("remote_url", "shelf://cellar", "shelf", Map.of("board", 1))))
                .contains("did you mean boards?");
    }

    @ParameterizedTest
    @CsvSource({
        "mooncakestore://host, there is no backend for mooncakestore://; there are",
        "lm://host:65432, there is no backend for lm://; there are",
        "redis://host:6379, the backend for redis:// is not on the class path; add lmcache-backend-redis",
        "rediss://host:6379, the backend for rediss:// is not on the class path; add lmcache-backend-redis",
        "valkey://host, the backend for valkey:// is not on the class path; add lmcache-backend-redis"
    })
    void aSchemeThatNobodyServesSaysWhatToDo(String url, String sentence) {
        assertThat(problem(Map.of("remote_url", url))).contains("remote_url is '" + url + "' (code)", sentence);
    }

    @Test
    void aSchemeThatThereIsNothingForListsWhatThereIs() {
        assertThat(problem(Map.of("remote_url", "infinistore://host")))
                .contains("redis://", "rediss://", "of lmcache-backend-redis", "shelf:// of backend 'shelf'");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "shelf://me:s3cret@host",
                "shelf://:s3cret@a,b:1",
                "shelf://me:s3cret@host:x y",
                "lm://a:s3cret@b"
            })
    void aPasswordInTheUrlIsRefusedAndNeverShown(String url) {
        assertThat(problem(Map.of("remote_url", url)))
                .contains("it has a password in it", ":***@")
                .doesNotContain("s3cret");
        BackendSettings settings = BackendSettings.of("shelf", Map.of("remote_url", url));
        assertThat(settings.toString()).contains("***").doesNotContain("s3cret");
        assertThatThrownBy(() -> settings.value(SharedOptions.REMOTE_URL))
                .message()
                .contains("***")
                .doesNotContain("s3cret");
    }

    @Test
    void onlyPasswordsAreHidden() {
        assertThat(OptionType.withoutPassword("shelf://me@host:1/a:b@c")).isEqualTo("shelf://me@host:1/a:b@c");
        assertThat(OptionType.withoutPassword("shelf://me:a@b@host")).isEqualTo("shelf://me:***@host");
    }

    private static String problem(Map<String, ?> settings) {
        LmcacheException problem = catchThrowableOfType(LmcacheException.class, () -> LmcacheConfig.of(settings));
        assertThat(problem.code()).isEqualTo(ErrorCode.INVALID_CONFIGURATION);
        return String.valueOf(problem.getMessage());
    }
}
