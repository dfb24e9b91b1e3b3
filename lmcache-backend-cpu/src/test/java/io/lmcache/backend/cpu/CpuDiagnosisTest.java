package io.lmcache.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.Finding.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CpuDiagnosisTest {
    private static final long GIB = 1L << 30;

    @TempDir
    private Path folder;

    private Finding memory(long capacityGib) {
        return new CpuDiagnosis(capacityGib * GIB, 10 * GIB, 3 * GIB, folder)
                .findings()
                .getFirst();
    }

    private Finding hugePages(Path file) {
        return new CpuDiagnosis(GIB, 10 * GIB, 3 * GIB, file).findings().getLast();
    }

    @Test
    void aTierThatLeavesMemoryToOthersIsFine() {
        assertThat(memory(8).status()).isEqualTo(Status.OK);
        assertThat(memory(8).text()).contains("8.0 GiB", "10.0 GiB", "3.0 GiB of it free");
    }

    @Test
    void aTierThatTakesNearlyAllMemoryNamesTheSettingToLower() {
        assertThat(memory(9).status()).isEqualTo(Status.NOTE);
        assertThat(memory(9).remedy()).contains("max_local_cpu_size");
    }

    @Test
    void hugePagesThatTheKernelRefusesComeWithTheRemedy() throws IOException {
        Path file = Files.writeString(folder.resolve("enabled"), "always madvise [never]\n");
        assertThat(hugePages(file).status()).isEqualTo(Status.NOTE);
        assertThat(hugePages(file).text()).contains("always madvise [never]");
        assertThat(hugePages(file).remedy()).contains("madvise > " + file);
    }

    @Test
    void hugePagesThatAreGivenOrUnknownAreNoMatter() throws IOException {
        Path file = Files.writeString(folder.resolve("enabled"), "always [madvise] never\n");
        assertThat(hugePages(file).status()).isEqualTo(Status.OK);
        assertThat(hugePages(folder.resolve("none")).status()).isEqualTo(Status.OK);
    }

    @Test
    void theProviderMeasuresThisMachine() {
        List<Finding> findings = new CpuBackendProvider()
                .diagnose(
                        BackendSettings.of("cpu", Map.of("capacity_bytes", "1048576")),
                        new BackendContext("test", Clock.systemUTC()));
        assertThat(findings).extracting(Finding::topic).containsExactly("memory", "huge pages");
        assertThat(findings.getFirst().status()).isEqualTo(Status.OK);
    }
}
