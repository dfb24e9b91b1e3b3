package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.api.option.Option;
import io.lmcache.core.backend.BackendRegistry;
import io.lmcache.core.config.ConfigOptions;
import io.lmcache.core.config.OptionTable;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CommandsTest {
    private static final OptionTable OPTIONS = new OptionTable(BackendRegistry.discover());

    private static final String TEXT = "It is a truth universally acknowledged. ".repeat(20);

    @TempDir
    private Path directory;

    @Test
    void demoPrintsARowForEachRunOverTheHeadOfALongText() throws Exception {
        Path file = Files.writeString(directory.resolve("text"), TEXT.repeat(4));
        Invocation demo = Invocation.of("demo", file.toString());
        assertThat(demo.status()).isZero();
        assertThat(demo.out())
                .contains("Tiers  cpu, posix", "the first 2348 characters", "All logits are bit for bit")
                .containsPattern("(?m)^cold prompt +2048 +none .* equal$")
                .containsPattern("(?m)^same prompt again +2048 +2048 cpu .* equal$")
                .containsPattern("(?m)^longer follow-up +2348 +2048 cpu .* equal$")
                .containsPattern("(?m)^new process +2048 +2048 posix .* equal$")
                .containsPattern("(?m)^unrelated prompt +2048 +none .* equal$");
    }

    @Test
    void demoPrintsJson() throws Exception {
        Invocation demo =
                Invocation.of(new ByteArrayInputStream(TEXT.getBytes(StandardCharsets.UTF_8)), "demo", "-", "--json");
        assertThat(demo.status()).isZero();
        JsonNode report = new ObjectMapper().readTree(demo.out());
        assertThat(report.path("text").asText()).isEqualTo("standard input");
        assertThat(report.path("allLogitsEqual").asBoolean()).isTrue();
        assertThat(report.path("rows")).hasSize(5);
        JsonNode again = report.path("rows").path(1);
        assertThat(again.path("name").asText()).isEqualTo("same prompt again");
        assertThat(again.path("hitTokensByTier").path("cpu").asInt()).isEqualTo(800);
        assertThat(again.path("speedUp").asDouble())
                .isEqualTo(again.path("secondsWithoutCache").asDouble()
                        / again.path("seconds").asDouble());
    }

    @Test
    void configPrintsEverySettingWithItsOrigin() {
        Invocation config = Invocation.of("config");
        assertThat(config.status()).isZero();
        assertThat(config.out().lines()).hasSize(OPTIONS.all().size());
        assertThat(config.out()).containsPattern("(?m)^chunk_size: 256 +# default$");
    }

    @Test
    void configExplains() {
        Invocation config = Invocation.of("config", "--explain");
        for (Option<?> option : OPTIONS.all()) {
            assertThat(config.out()).contains(option.documentation(), OptionTable.environmentVariable(option));
            assertThat(option.aliases()).allMatch(config.out()::contains);
        }
    }

    @Test
    void configPrintsJson() throws Exception {
        JsonNode config = new ObjectMapper()
                .readTree(Invocation.of("config", "--explain", "--json").out());
        assertThat(config).hasSize(OPTIONS.all().size());
        assertThat(config.path(0).path("name").asText()).isEqualTo("chunk_size");
        assertThat(config.path(0).path("origin").asText()).isEqualTo("default");
        assertThat(config.path(0).path("documentation").asText()).isEqualTo(ConfigOptions.CHUNK_SIZE.documentation());
    }

    @Test
    void versionIsTheBuilds() {
        assertThat(Invocation.of("--version").out()).matches("lmcache \\d+\\.\\d+\\.\\d+\\R");
    }

    @Test
    void helpNamesTheCommandsForPeople() {
        assertThat(Invocation.of("--help").out())
                .contains("demo", "config", "doctor")
                .doesNotContain(DemoProcessCommand.NAME);
    }
}
