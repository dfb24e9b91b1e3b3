package io.lmcache.chunkfiles.diagnosis;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.spi.Finding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BudgetCheckTest {
    private static final Duration LONG = Duration.ofMinutes(1);
    private static final int BYTES = 3 << 20;

    @TempDir
    private Path root;

    private void fill() throws IOException {
        Path directory = Files.createDirectories(root.resolve("aa/aa"));
        Files.write(directory.resolve("a".repeat(64) + "-" + "b".repeat(32) + ".safetensors"), new byte[BYTES]);
        Files.write(directory.resolve(".1-00000000000000aa-00000000000000bb.1.tmp"), new byte[BYTES]);
        Files.write(directory.resolve("foreign"), new byte[BYTES]);
    }

    @Test
    void chunksAndTemporariesAreToldBesideTheLimit() throws IOException {
        fill();
        Finding finding = BudgetCheck.of(root, 100L << 20, LONG);
        assertThat(finding.status()).isEqualTo(Finding.Status.OK);
        assertThat(finding.text())
                .contains("1 file(s) of chunks, 3 MiB; 1 temporary file(s), 3 MiB; the limit is 100 MiB");
        assertThat(BudgetCheck.of(root, 0, LONG).text()).endsWith("no limit is set");
    }

    @Test
    void moreThanTheLimitIsANote() throws IOException {
        fill();
        Finding finding = BudgetCheck.of(root, 5L << 20, LONG);
        assertThat(finding.status()).isEqualTo(Finding.Status.NOTE);
        assertThat(finding.remedy()).contains("max_gds_size");
    }

    @Test
    void aLookThatTakesTooLongTellsWhatItSaw() throws IOException {
        fill();
        assertThat(BudgetCheck.of(root, 0, Duration.ZERO).text()).contains("at least 0 file(s)");
    }
}
