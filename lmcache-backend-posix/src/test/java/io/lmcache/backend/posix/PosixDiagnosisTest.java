package io.lmcache.backend.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.Finding.Status;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.chunkfiles.diagnosis.MountPoint;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PosixDiagnosisTest {
    @TempDir
    private Path folder;

    private static List<Finding> diagnose(String path) {
        return new PosixBackendProvider()
                .diagnose(BackendSettings.of("posix", Map.of("path", path)), TestBackends.CONTEXT);
    }

    private static Finding finding(List<Finding> findings, String topic) {
        return findings.stream()
                .filter(finding -> finding.topic().equals(topic))
                .findFirst()
                .orElseThrow(() -> new AssertionError("nothing on " + topic + " in " + findings));
    }

    @Test
    void aDirectoryIsDescribedAndTriedAndLeftAsItWas() throws IOException {
        Path file = Files.writeString(folder.resolve("mine"), "text");
        List<Finding> findings = diagnose(folder.toString());
        assertThat(findings).noneMatch(Finding::keepsFromWorking);
        assertThat(finding(findings, "file system").text()).startsWith(folder + ": ");
        assertThat(finding(findings, "directory").text()).isEqualTo(folder + " is there and writable");
        assertThat(finding(findings, "free space").text()).contains("GiB");
        assertThat(finding(findings, "page cache").text())
                .matches(folder + ": 64 MiB written at \\d+\\.\\d\\d GB/s, read back at \\d+\\.\\d\\d GB/s");
        assertThat(finding(findings, "O_DIRECT").text()).startsWith(folder + "");
        assertThat(folder).isDirectoryContaining(file::equals);
        assertThat(folder.toFile().list()).hasSize(1);
    }

    @Test
    void aMissingDirectoryIsTriedAboveAndNotCreated() {
        List<Finding> findings = diagnose(folder.resolve("a/b").toString());
        assertThat(findings).noneMatch(Finding::keepsFromWorking);
        assertThat(finding(findings, "directory").text()).endsWith("will be created in " + folder);
        assertThat(finding(findings, "page cache").text()).contains("written");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void severalDirectoriesAreToldApart() {
        Path one = folder.resolve("one");
        Path two = folder.resolve("two");
        assertThat(diagnose(one + "," + two))
                .filteredOn(finding -> finding.topic().equals("page cache"))
                .extracting(Finding::text)
                .satisfiesExactly(
                        text -> assertThat(text).startsWith(one + ":"),
                        text -> assertThat(text).startsWith(two + ":"));
    }

    @Test
    void aFileInTheWayIsAProblem() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "text");
        for (Path path : List.of(file, file.resolve("below"))) {
            assertThat(diagnose(path.toString())).singleElement().satisfies(finding -> {
                assertThat(finding.status()).isEqualTo(Status.PROBLEM);
                assertThat(finding.text()).isEqualTo(file + " is not a directory");
                assertThat(finding.remedy()).isNotEmpty();
            });
        }
    }

    @Test
    void aDirectoryThatTakesNoFilesIsAProblem() {
        assumeTrue(Files.isDirectory(Path.of("/proc/self")), "only Linux has such a directory");
        Finding problem = finding(diagnose("/proc/lmcache"), "directory");
        assertThat(problem.status()).isEqualTo(Status.PROBLEM);
        assertThat(problem.text()).startsWith("/proc/lmcache cannot be used: ");
        assertThat(problem.remedy()).contains("may create files");
    }

    @Test
    void memoryIsNotedAsSuch() {
        assumeTrue(Files.isWritable(Path.of("/dev/shm")), "this machine has no /dev/shm to write to");
        Finding note = finding(diagnose("/dev/shm/lmcache-diagnosis"), "file system");
        assertThat(note.status()).isEqualTo(Status.NOTE);
        assertThat(note.text()).contains("tmpfs on ", "that is memory");
        assertThat(note.remedy()).contains("disk");
    }

    @Test
    void settingsThatCannotBeReadAreAnError() {
        assertThatThrownBy(() -> diagnose(",")).hasFieldOrPropertyWithValue("code", ErrorCode.INVALID_CONFIGURATION);
    }

    @Test
    void nfsThatRemembersAbsenceIsANote() {
        Path path = Path.of("/mnt/kv");
        assertThat(PosixDiagnosis.fileSystem(path, nfs("rw,relatime,vers=4.2")))
                .satisfies(finding -> assertThat(finding.status()).isEqualTo(Status.NOTE))
                .satisfies(finding -> assertThat(finding.remedy()).contains("lookupcache=positive"));
        assertThat(PosixDiagnosis.fileSystem(path, nfs("rw,relatime,vers=4.2,lookupcache=pos"))
                        .status())
                .isEqualTo(Status.OK);
    }

    @Test
    void locksAndLeftoversAreTold() throws IOException {
        assertThat(finding(diagnose(folder.toString()), "locks"))
                .isEqualTo(Finding.ok("locks", folder + ": files can be locked"));
        assertThat(finding(diagnose(folder.toString()), "leftovers"))
                .isEqualTo(Finding.ok("leftovers", folder + ": none"));
    }

    @Test
    void whatDeadWritersAndBadChunksLeaveIsTold() throws IOException {
        Path root = folder.resolve("chunks");
        ChunkKey key = TestChunks.key(1);
        try (StorageBackend backend = TestBackends.open(root)) {
            TestBackends.store(backend, key);
            Files.write(TestBackends.file(root, key), new byte[100]);
            assertThat(TestBackends.holds(backend, key)).isFalse();
            assertThat(finding(diagnose(root.toString()), "leftovers").text()).endsWith("; 1 writer(s) at work");
        }
        Files.createFile(root.resolve(".lmcache/writers/1-0123456789abcdef-0123456789abcdef.lock"));
        Finding left = finding(diagnose(root.toString()), "leftovers");
        assertThat(left.status()).isEqualTo(Status.NOTE);
        assertThat(left.text())
                .startsWith(root + ": 1 file(s), ")
                .endsWith("in quarantine, since they failed their check; 1 writer(s) died, and what they were writing"
                        + " may be left");
        assertThat(left.remedy()).contains("lmcache cache gc");
    }

    private static MountPoint nfs(String options) {
        return new MountPoint(Path.of("/mnt/kv"), "0:50", "nfs4", "server:/kv", options);
    }
}
