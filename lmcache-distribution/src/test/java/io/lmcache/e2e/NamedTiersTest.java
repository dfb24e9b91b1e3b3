package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.core.Lmcache;
import io.lmcache.core.config.ConfigLoader;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.diagnosis.BackendDiagnosis;
import io.lmcache.core.diagnosis.StackDiagnosis;
import io.lmcache.core.engine.LmcacheStack;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The example of two tiers of one kind in docs/configuration.md, on directories that there are. */
class NamedTiersTest {
    private static final int[] PROMPT = TestEngine.prompt(300);

    @TempDir
    private Path directory;

    private Path file;

    @BeforeEach
    void writeTheExample() throws IOException {
        String example = Documents.blocks(Documents.PROJECT.resolve("docs/configuration.md"), "yaml").stream()
                .filter(yaml -> yaml.contains("nvme:"))
                .findFirst()
                .orElseThrow();
        file = Files.writeString(directory.resolve("lmcache.yaml"), example.replace("/mnt/", directory + "/"));
    }

    @Test
    void eachHasItsOwnFilesResultsAndStatistics() throws IOException {
        try (LmcacheStack stack = open(Map.of())) {
            assertThat(stack.tiers()).containsExactly("cpu", "nvme", "nfs");
            assertThat(stack.persistentTiers()).containsExactly("nvme", "nfs");
            assertThat(TestEngine.store(stack, PROMPT)).isEqualTo(Map.of("cpu", 300, "nvme", 300, "nfs", 300));
            assertThat(stack.stats().tiers().keySet()).containsExactly("cpu", "nfs", "nvme");
        }
        assertThat(directory.resolve("nvme0/lmcache")).isNotEmptyDirectory();
        assertThat(directory.resolve("nfs/lmcache")).isNotEmptyDirectory();
    }

    @Test
    void whatTheDriveHasLostComesFromTheShare() throws IOException {
        try (LmcacheStack stack = open(Map.of())) {
            TestEngine.store(stack, PROMPT);
        }
        try (LmcacheStack stack = open(Map.of())) {
            assertThat(TestEngine.retrieveAll(stack, PROMPT)).isEqualTo(Map.of("nvme", 300));
        }
        try (LmcacheStack stack = open(Map.of("nvme.gds_path", directory.resolve("another-drive")))) {
            assertThat(TestEngine.retrieveAll(stack, PROMPT)).isEqualTo(Map.of("nfs", 300));
        }
    }

    @Test
    void theDoctorExaminesEach() throws IOException {
        StackDiagnosis diagnosis = Lmcache.diagnose(config(Map.of()));
        assertThat(diagnosis.backends()).extracting(BackendDiagnosis::backend).contains("nvme", "nfs");
        assertThat(diagnosis.backends())
                .filteredOn(backend -> backend.backend().equals("nfs"))
                .flatExtracting(BackendDiagnosis::findings)
                .anyMatch(finding -> finding.toString()
                        .contains(directory.resolve("nfs/lmcache").toString()));
    }

    private LmcacheStack open(Map<String, ?> code) {
        return Lmcache.open(config(code));
    }

    private LmcacheConfig config(Map<String, ?> code) {
        LmcacheConfig config = ConfigLoader.load(Map.of("LMCACHE_CONFIG_FILE", file.toString()), code);
        assertThat(config.warnings()).isEmpty();
        return config;
    }
}
