package io.lmcache.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.core.engine.LmcacheStack;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The builder takes the settings that a configuration takes, and refuses what that refuses. */
class BuilderSettingsTest {
    @TempDir
    private Path directory;

    @Test
    void unknownAndBadSettingsAreRefusedAllAtOnceWithTheNearestName() {
        assertThatThrownBy(() -> LmcacheStack.builder()
                        .tier("posix", Map.of("gds_path", directory, "max_byte", 1, "fsync", "sometimes"))
                        .build())
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_CONFIGURATION))
                .hasMessageContaining(
                        "posix.max_byte (code) is no setting of backend 'posix'; did you mean max_gds_size?")
                .hasMessageContaining("posix.fsync is 'sometimes' (code), allowed are none, data, full");
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void sizesHaveUnitsAndPathsAreAList() {
        List<Path> drives = List.of(directory.resolve("a"), directory.resolve("b,c"));
        try (LmcacheStack stack = LmcacheStack.builder()
                .tier("cpu", Map.of("max_local_cpu_size", "1 MiB"))
                .tier("posix", Map.of("gds_path", drives, "max_gds_size", "64 MiB", "staging_size", 4))
                .build()) {
            assertThat(stack.stats().tiers())
                    .hasEntrySatisfying(
                            "cpu", tier -> assertThat(tier.limitBytes()).isEqualTo(1 << 20))
                    .hasEntrySatisfying(
                            "posix", tier -> assertThat(tier.limitBytes()).isEqualTo(64 << 20));
            assertThat(drives).allSatisfy(drive -> assertThat(drive).isDirectory());
        }
    }
}
