package io.lmcache.backend.gds;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.Finding.Status;
import io.lmcache.backend.gds.diagnosis.MachineFolder;
import io.lmcache.cuda.standin.StandIns;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The stand-ins find out besides that whatever a diagnosis opens, registers and allocates is given back. */
@ExtendWith(StandIns.class)
class GdsDiagnosisTest {
    private static final long MIB = 1 << 20;
    private static final int INTERNAL_ERROR = 5030;

    @TempDir
    private Path storage;

    @TempDir
    private Path root;

    private MachineFolder machine;
    private final Map<String, String> settings = new HashMap<>();

    @BeforeEach
    void aMachineWithoutUdev() throws IOException {
        // Checksums are taken on the host: kernels do not run here.
        StandIns.failAlways("cuModuleLoadData", CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
        machine = new MachineFolder(root)
                .with("/proc/self/mountinfo", "27 1 259:1 / / rw,noatime - ext4 /dev/standin rw\n");
        settings.putAll(Map.of(
                "path", storage.toString(),
                "buffer_bytes", Long.toString(64 * MIB),
                "io_threads", "4",
                "cufile_library", StandIns.cufileLibrary().toString()));
    }

    @AfterEach
    void nothingIsLeftInTheStorage() {
        assertThat(storage).isEmptyDirectory();
    }

    private List<Finding> diagnose() {
        return new GdsDiagnosis(
                        GdsSettings.from(BackendSettings.of("gds", settings)),
                        new BackendContext("test", Clock.systemUTC()),
                        machine.machine())
                .findings();
    }

    private static Finding finding(List<Finding> findings, String topic) {
        return findings.stream()
                .filter(finding -> finding.topic().equals(topic))
                .findFirst()
                .orElseThrow(() -> new AssertionError("nothing on " + topic + " in " + findings));
    }

    private static void assertWorks(List<Finding> findings) {
        assertThat(findings).noneMatch(Finding::keepsFromWorking);
    }

    @Test
    void bothWaysAreTriedAndTheCompatibilityModeIsNotCalledDirect() {
        List<Finding> findings = diagnose();
        assertWorks(findings);
        assertThat(findings)
                .extracting(Finding::topic)
                .containsExactly(
                        "driver",
                        "device 0",
                        "buffer",
                        "BAR1",
                        "locked memory",
                        "libcufile",
                        "nvidia-fs",
                        "peer-to-peer",
                        "cufile.json",
                        "staged",
                        "udev data",
                        "cuFile",
                        "I/O path");
        assertThat(finding(findings, "device 0").text()).isEqualTo("Stand-in 0, 256 MiB of 256 MiB free");
        assertThat(finding(findings, "libcufile").text()).isEqualTo("version 1.15, " + StandIns.cufileLibrary());
        assertThat(finding(findings, "staged").text()).contains("64 MiB written at ");
        assertThat(finding(findings, "cuFile").text()).contains("64 MiB written at ");
        assertThat(finding(findings, "I/O path").status()).isEqualTo(Status.NOTE);
        assertThat(finding(findings, "I/O path").text())
                .startsWith(storage + ": ")
                .contains("compatibility mode");
        assertThat(finding(findings, "I/O path").remedy()).contains("NVMe");
    }

    @Test
    void refusedFilesLeadToStagingWithTheCodeAndWhatUdevLacks() {
        StandIns.failAlways("cuFileHandleRegister", INTERNAL_ERROR);
        List<Finding> findings = diagnose();
        assertWorks(findings);
        assertThat(finding(findings, "cuFile").status()).isEqualTo(Status.NOTE);
        assertThat(finding(findings, "cuFile").text()).contains("internal error (5030)");
        assertThat(finding(findings, "cuFile").remedy())
                .contains("/run/udev/data/b259:1", "E:ID_FS_USAGE=filesystem", "E:ID_FS_TYPE=ext4");
        assertThat(finding(findings, "I/O path").text())
                .startsWith(storage + ": through page-locked staging memory, since libcufile does not work there")
                .contains("(5030)");
    }

    @Test
    void whereUdevIsCompleteTheRemedyIsAnother() throws IOException {
        machine.with("/run/udev/control", "")
                .with("/run/udev/data/b259:1", "E:ID_FS_USAGE=filesystem\nE:ID_FS_TYPE=ext4\n");
        StandIns.failAlways("cuFileHandleRegister", INTERNAL_ERROR);
        assertThat(finding(diagnose(), "cuFile").remedy()).contains("gdscheck").doesNotContain("udev");
    }

    @Test
    void whatFailsInMidRunIsStagedFromThenOn() {
        StandIns.fail("cuFileWrite", INTERNAL_ERROR, 5, Long.MAX_VALUE);
        List<Finding> findings = diagnose();
        assertWorks(findings);
        assertThat(finding(findings, "cuFile").text()).contains("started to work and then failed");
        assertThat(finding(findings, "I/O path").text()).contains("page-locked staging memory");
    }

    @Test
    void whatBreaksInMidRunWithoutAWayOutIsAFailure() {
        StandIns.fail("cuModuleLoadData", 0, 0, 0);
        StandIns.failAlways("cuLaunchKernel", CUresult.CUDA_ERROR_LAUNCH_FAILED);
        Finding conclusion = finding(diagnose(), "I/O path");
        assertThat(conclusion.status()).isEqualTo(Status.FAILURE);
        assertThat(conclusion.text()).contains("starts to work and then fails", "CUDA_ERROR_LAUNCH_FAILED");
        assertThat(conclusion.remedy()).isEqualTo("set use_cufile to false");
    }

    @Test
    void otherRefusalsAreNotBlamedOnUdev() {
        StandIns.failAlways("cuFileBufRegister", 5036);
        Finding cufile = finding(diagnose(), "cuFile");
        assertThat(cufile.text()).contains("(5036)");
        assertThat(cufile.remedy()).contains("gdscheck").doesNotContain("udev");
    }

    @Test
    void whereCufileIsRequiredItsFailureIsAProblem() {
        settings.put("use_cufile", "true");
        StandIns.failAlways("cuFileHandleRegister", INTERNAL_ERROR);
        List<Finding> findings = diagnose();
        assertThat(finding(findings, "cuFile").status()).isEqualTo(Status.PROBLEM);
        assertThat(finding(findings, "cuFile").text()).contains("(5030)");
        assertThat(finding(findings, "I/O path").status()).isEqualTo(Status.PROBLEM);
        assertThat(finding(findings, "I/O path").remedy()).contains("set use_cufile to auto");
    }

    @Test
    void whereCufileIsNotWantedItIsNotLoaded() {
        settings.put("use_cufile", "false");
        List<Finding> findings = diagnose();
        assertWorks(findings);
        assertThat(finding(findings, "libcufile").text()).contains("use_cufile is false");
        assertThat(finding(findings, "I/O path").text())
                .isEqualTo(storage + ": through page-locked staging memory, since use_cufile is false");
        assertThat(StandIns.count("cuFileDriverOpen")).isZero();
    }

    @Test
    void aMissingLibcufileIsNotedAndWhereItIsRequiredAProblem() {
        settings.put("cufile_library", "/nowhere/libcufile.so");
        List<Finding> findings = diagnose();
        assertWorks(findings);
        assertThat(finding(findings, "libcufile").text()).contains("/nowhere/libcufile.so");
        assertThat(finding(findings, "I/O path").text()).contains("staging", "/nowhere/libcufile.so");
        settings.put("use_cufile", "true");
        assertThat(finding(diagnose(), "libcufile").status()).isEqualTo(Status.PROBLEM);
    }

    @Test
    void withoutAPathTheMachineIsToldAndNothingTried() {
        settings.remove("path");
        List<Finding> findings = new GdsBackendProvider()
                .diagnose(BackendSettings.of("gds", settings), new BackendContext("test", Clock.systemUTC()));
        assertWorks(findings);
        assertThat(findings)
                .extracting(Finding::topic)
                .contains("device 0", "libcufile")
                .doesNotContain("I/O path");
        assertThat(finding(findings, "libcufile").text())
                .as("the file that is mapped into this process")
                .isEqualTo("version 1.15, " + StandIns.cufileLibrary());
    }

    @Test
    void aDriverThatDoesNotStartIsTheOnlyProblem() {
        StandIns.failAlways("cuInit", CUresult.CUDA_ERROR_NO_DEVICE);
        List<Finding> findings = diagnose();
        assertThat(findings).extracting(Finding::topic).containsExactly("driver", "locked memory");
        assertThat(findings.getFirst()).satisfies(finding -> {
            assertThat(finding.status()).isEqualTo(Status.PROBLEM);
            assertThat(finding.text()).isEqualTo("cuInit failed: CUDA_ERROR_NO_DEVICE (100)");
            assertThat(finding.remedy()).contains("nvidia-smi");
        });
    }

    @Test
    void aDeviceThatIsNotThereIsAProblemBesideThoseThatAre() {
        StandIns.devices(2);
        settings.put("device", "3");
        List<Finding> findings = diagnose();
        assertThat(finding(findings, "device 0").status()).isEqualTo(Status.OK);
        assertThat(finding(findings, "device 1").status()).isEqualTo(Status.OK);
        assertThat(finding(findings, "device 3").status()).isEqualTo(Status.PROBLEM);
        assertThat(finding(findings, "device 3").text()).contains("this process sees 2");
    }

    @Test
    void anotherDeviceThatDoesNotAnswerIsNoProblem() {
        StandIns.devices(2);
        StandIns.fail("cuDevicePrimaryCtxRetain", CUresult.CUDA_ERROR_OUT_OF_MEMORY, 0, 1);
        List<Finding> findings = diagnose();
        assertWorks(findings);
        assertThat(finding(findings, "device 1").status()).isEqualTo(Status.NOTE);
    }

    @Test
    void aBufferThatDoesNotFitIsAProblemAndNothingIsTried() {
        settings.put("buffer_bytes", Long.toString(512 * MIB));
        List<Finding> findings = diagnose();
        assertThat(finding(findings, "buffer").status()).isEqualTo(Status.PROBLEM);
        assertThat(findings).extracting(Finding::topic).doesNotContain("staged", "I/O path");
    }

    @Test
    void aDirectoryThatTakesNoFilesIsAProblem() throws IOException {
        Path file = Files.writeString(root.resolve("file"), "text");
        settings.put("path", file.toString());
        Finding staged = finding(diagnose(), "staged");
        assertThat(staged.status()).isEqualTo(Status.PROBLEM);
        assertThat(staged.text()).contains(file.toString());
    }

    @Test
    void stagingMemoryThatCannotBePageLockedIsAProblem() {
        StandIns.failAlways("cuMemHostRegister", CUresult.CUDA_ERROR_OUT_OF_MEMORY);
        Finding staged = finding(diagnose(), "staged");
        assertThat(staged.status()).isEqualTo(Status.PROBLEM);
        assertThat(staged.text()).contains("cuMemHostRegister", "OUT_OF_MEMORY");
    }

    @Test
    void copiesThatFailAreAFailureOfStaging() {
        settings.put("use_cufile", "false");
        StandIns.failAlways("cuMemcpyDtoHAsync", CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
        Finding staged = finding(diagnose(), "staged");
        assertThat(staged.status()).isEqualTo(Status.FAILURE);
        assertThat(staged.text()).contains("ILLEGAL_ADDRESS");
    }
}
