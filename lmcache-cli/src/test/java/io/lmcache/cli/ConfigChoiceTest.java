package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigChoiceTest {
    @TempDir
    private Path directory;

    @Test
    void aFileAndSettingsOverIt() throws Exception {
        Path file = Files.writeString(directory.resolve("lmcache.yaml"), "{chunk_size: 16, min_retrieve_tokens: 32}");
        Invocation config = Invocation.of(
                "config", "--config", file.toString(), "--set", "chunk_size=64", "--set=gds_path=/a=b,/c");
        assertThat(config.status()).as(config.err()).isZero();
        assertThat(config.out())
                .containsPattern("(?m)^chunk_size: 64 +# command line$")
                .containsPattern("(?m)^min_retrieve_tokens: 32 +# file " + file + "$")
                .containsPattern("(?m)^gds_path: /a=b,/c +# command line$");
    }

    @Test
    void settingsOfTiersWithNamesOfTheirOwn() {
        Invocation config = Invocation.of(
                "config",
                "--set=storage_plugins=nvme,nfs",
                "--set=nvme.kind=posix",
                "--set=nvme.gds_path=/mnt/nvme0",
                "--set=nfs.kind=posix",
                "--set=nfs.gds_path=/mnt/nfs",
                "--explain");
        assertThat(config.status()).as(config.err()).isZero();
        assertThat(config.out())
                .containsPattern("(?m)^nvme.kind: posix +# command line$")
                .containsPattern("(?m)^nvme.gds_path: /mnt/nvme0 +# command line$")
                .containsPattern("(?m)^nfs.gds_path: /mnt/nfs +# command line$")
                .containsPattern("(?m)^nfs.fsync: none +# default$");
    }

    @Test
    void theLastOfTwoCounts() {
        assertThat(Invocation.of("config", "--set=chunk_size=1", "--set=chunk_size=2")
                        .out())
                .containsPattern("(?m)^chunk_size: 2 ");
    }

    @Test
    void aBadValueIsNamedWithItsOrigin() {
        Invocation config = Invocation.of("config", "--set", "chunk_size=many");
        assertThat(config.status()).isEqualTo(2);
        assertThat(config.err()).contains("chunk_size is 'many' (command line), allowed are");
    }

    @ParameterizedTest
    @ValueSource(strings = {"config", "doctor", "demo TEXT", "serve"})
    void everyCommandThatReadsAConfigurationHasThem(String line) throws Exception {
        Path text = Files.writeString(directory.resolve("text"), "x");
        List<String> command =
                new ArrayList<>(List.of(line.replace("TEXT", text.toString()).split(" ")));
        assertThat(Invocation.of(command.getFirst(), "--help").out()).contains("--config=FILE", "--set=NAME=VALUE");
        command.addAll(List.of("--set", "chunk_size=many"));
        Invocation refused = Invocation.of(command.toArray(String[]::new));
        assertThat(refused.status()).isEqualTo(2);
        assertThat(refused.err()).contains("chunk_size is 'many' (command line)");
    }
}
