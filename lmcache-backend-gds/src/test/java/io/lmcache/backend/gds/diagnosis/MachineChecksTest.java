package io.lmcache.backend.gds.diagnosis;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.Finding.Status;
import io.lmcache.backend.gds.cufile.CufileProperties;
import io.lmcache.chunkfiles.diagnosis.MountPoint;
import io.lmcache.cuda.CudaAvailability;
import io.lmcache.cuda.DeviceMemoryInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MachineChecksTest {
    private static final long MIB = 1 << 20;
    private static final CufileProperties NOTHING = new CufileProperties(0, 0, 0);
    private static final CufileProperties NVIDIA_FS = new CufileProperties(2, 1 << 4, 0);
    private static final CufileProperties PEER_TO_PEER = new CufileProperties(0, 0, 1 << 4);
    private static final MountPoint NVME = new MountPoint(Path.of("/data"), "259:1", "xfs", "/dev/nvme0n1p1", "rw");

    @TempDir
    private Path root;

    private MachineFolder folder;

    @BeforeEach
    void emptyMachine() {
        folder = new MachineFolder(root);
    }

    @Test
    void theDriverTellsItsVersionAndWhetherItIsTheOpenOne() throws IOException {
        folder.with(
                "/proc/driver/nvidia/version",
                "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.82.07  Release Build\nGCC version: gcc 13.3.0\n");
        Finding driver = new DriverCheck(folder.machine()).driver(new CudaAvailability.Available(2, 13010));
        assertThat(driver.status()).isEqualTo(Status.OK);
        assertThat(driver.text())
                .isEqualTo("CUDA 13.1, driver 580.82.07, open modules, kernel 6.8.0; this process sees 2 device(s)");
    }

    @Test
    void aDriverWithoutDevicesIsAProblem() {
        Finding driver = new DriverCheck(folder.machine()).driver(new CudaAvailability.Available(0, 12060));
        assertThat(driver.status()).isEqualTo(Status.PROBLEM);
        assertThat(driver.remedy()).contains("CUDA_VISIBLE_DEVICES");
    }

    @Test
    void nvidiaFsIsFineOnlyWhereLibcufileReachesIt() throws IOException {
        Finding absent = new DriverCheck(folder.machine()).nvidiaFs(NOTHING);
        folder.with("/proc/driver/nvidia-fs/version", "version: 2.25.7\n");
        DriverCheck loaded = new DriverCheck(folder.machine());
        assertThat(absent)
                .isEqualTo(Finding.note(
                        "nvidia-fs",
                        "not loaded",
                        "for direct I/O load the module nvidia-fs (package nvidia-fs), and in a container pass its"
                                + " devices /dev/nvidia-fs*"));
        assertThat(loaded.nvidiaFs(NVIDIA_FS).status()).isEqualTo(Status.OK);
        assertThat(loaded.nvidiaFs(NVIDIA_FS).text()).contains("2.25.7");
        assertThat(loaded.nvidiaFs(NOTHING).status()).isEqualTo(Status.NOTE);
        assertThat(loaded.nvidiaFs(NOTHING).remedy()).contains("/dev/nvidia-fs");
    }

    @Test
    void peerToPeerIsWhatLibcufileSaysItIs() {
        DriverCheck drivers = new DriverCheck(folder.machine());
        assertThat(drivers.peerToPeer(PEER_TO_PEER).status()).isEqualTo(Status.OK);
        assertThat(drivers.peerToPeer(NOTHING).status()).isEqualTo(Status.NOTE);
        assertThat(drivers.peerToPeer(NOTHING).remedy()).contains("6.2", "565");
    }

    @Test
    void withoutCufileJsonTheDefaultsAreInForce() {
        Finding finding = new CufileCheck(folder.machine()).configuration();
        assertThat(finding.status()).isEqualTo(Status.OK);
        assertThat(finding.text()).contains("no /etc/cufile.json");
    }

    @Test
    void theVariableBeatsTheUsualCufileJson() throws IOException {
        folder.with("/etc/cufile.json", "{\"properties\": {\"allow_compat_mode\": false}}")
                .with("/opt/own.json", "{}");
        Map<String, String> variable = Map.of("CUFILE_ENV_PATH_JSON", "/opt/own.json");
        Finding finding = new CufileCheck(folder.machine(variable)).configuration();
        assertThat(finding.status()).isEqualTo(Status.OK);
        assertThat(finding.text()).startsWith("/opt/own.json (by CUFILE_ENV_PATH_JSON) is in force");
    }

    @Test
    void aVariableThatLeadsNowhereIsNoted() {
        Finding finding = new CufileCheck(folder.machine(Map.of("CUFILE_ENV_PATH_JSON", "/none.json"))).configuration();
        assertThat(finding.status()).isEqualTo(Status.NOTE);
        assertThat(finding.text()).contains("/none.json", "cannot be read");
    }

    @Test
    void aRelativeNameInTheVariableIsNoted() {
        Finding finding = new CufileCheck(folder.machine(Map.of("CUFILE_ENV_PATH_JSON", "none.json"))).configuration();
        assertThat(finding.status()).isEqualTo(Status.NOTE);
        assertThat(finding.text()).contains("none.json", "cannot be read");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    "allow_compat_mode": false,          | NOTE
                    "allow_compat_mode" :false           | NOTE
                    "allow_compat_mode": true,           | OK
                    // "allow_compat_mode": false,       | OK
                    """)
    void aCufileJsonThatForbidsTheCompatibilityModeIsNoted(String line, Status status) throws IOException {
        folder.with("/etc/cufile.json", "{\n  // General\n  \"properties\": {\n    " + line + "\n  }\n}\n");
        Finding finding = new CufileCheck(folder.machine()).configuration();
        assertThat(finding.status()).isEqualTo(status);
        assertThat(finding.text()).contains("/etc/cufile.json");
    }

    @Test
    void udevDataThatIsMissingComesWithWhatToWrite() {
        UdevCheck udev = new UdevCheck(folder.machine(), NVME);
        assertThat(udev.isComplete()).isFalse();
        assertThat(udev.finding().status()).isEqualTo(Status.NOTE);
        assertThat(udev.finding().text()).contains("/run/udev/data/b259:1", "/dev/nvme0n1p1");
        assertThat(udev.finding().remedy())
                .contains("-v /run/udev:/run/udev:ro", "/run/udev/control", "/run/udev/data/b259:1")
                .contains("E:ID_FS_USAGE=filesystem", "E:ID_FS_TYPE=xfs");
    }

    @Test
    void udevDataNeedsBothLinesAndTheControlFile() throws IOException {
        UdevCheck udev = new UdevCheck(folder.machine(), NVME);
        folder.with("/run/udev/control", "").with("/run/udev/data/b259:1", "S:disk/by-id/x\nE:ID_FS_TYPE=xfs\n");
        assertThat(udev.isComplete()).isFalse();
        folder.with("/run/udev/data/b259:1", "E:ID_FS_USAGE=filesystem\nE:ID_FS_TYPE=xfs\n");
        assertThat(udev.isComplete()).isTrue();
        assertThat(udev.finding().status()).isEqualTo(Status.OK);
    }

    @Test
    void udevDataWithoutTheControlFileIsNotEnough() throws IOException {
        folder.with("/run/udev/data/b259:1", "E:ID_FS_USAGE=filesystem\nE:ID_FS_TYPE=xfs\n");
        UdevCheck udev = new UdevCheck(folder.machine(), NVME);
        assertThat(udev.isComplete()).isFalse();
        assertThat(udev.finding().text()).startsWith("there is no /run/udev/control");
    }

    @Test
    void storageWithoutABlockDeviceNeedsNoUdevData() {
        UdevCheck udev =
                new UdevCheck(folder.machine(), new MountPoint(Path.of("/data"), "0:44", "tmpfs", "tmpfs", "rw"));
        assertThat(udev.isComplete()).isTrue();
        assertThat(udev.finding().status()).isEqualTo(Status.OK);
    }

    @Test
    void theLimitOfLockedMemoryIsToldInUnits() throws IOException {
        PageLockCheck check = new PageLockCheck(folder.machine());
        assertThat(check.finding().text()).contains("unknown");
        folder.with("/proc/self/limits", limits("8388608"));
        assertThat(check.finding().status()).isEqualTo(Status.NOTE);
        assertThat(check.finding().text()).contains("8 MiB");
        assertThat(check.finding().remedy()).contains("--ulimit memlock=-1");
        folder.with("/proc/self/limits", limits("unlimited"));
        assertThat(check.finding().status()).isEqualTo(Status.OK);
    }

    private static String limits(String locked) {
        return "Limit                     Soft Limit           Hard Limit           Units     \n"
                + "Max processes             95940                95940                processes \n"
                + "Max locked memory         " + locked + "              unlimited            bytes     \n";
    }

    @Test
    void theWindowOfTheGpuIsComparedWithTheBuffer() throws IOException {
        String address = "0000:18:00.0";
        BarCheck check = new BarCheck(folder.machine(), address, 1024 * MIB);
        assertThat(check.finding().status()).isEqualTo(Status.OK);
        assertThat(check.finding().text()).contains("unknown", address);
        folder.with("/sys/bus/pci/devices/" + address + "/resource", windows("0x0000020000000000 0x00000203ffffffff"));
        assertThat(check.finding())
                .isEqualTo(Finding.ok("BAR1", "16.0 GiB of the GPU's memory can be reached by other devices"));
        folder.with("/sys/bus/pci/devices/" + address + "/resource", windows("0x00000000d0000000 0x00000000dfffffff"));
        assertThat(check.finding().status()).isEqualTo(Status.NOTE);
        assertThat(check.finding().text()).startsWith("256 MiB").contains("less than cufile_buffer_size");
        assertThat(check.finding().remedy()).contains("Resizable BAR");
        folder.with("/sys/bus/pci/devices/" + address + "/resource", windows("0x0000000000000000 0x0000000000000000"));
        assertThat(check.finding().text()).contains("unknown");
    }

    private static String windows(String bar1) {
        return "0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n" + bar1 + " 0x000000000014220c\n"
                + "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
    }

    @Test
    void theProposedBufferIsATenthOfTheDeviceWithTheEngineAt85Percent() {
        BufferCheck check = new BufferCheck(new DeviceMemoryInfo(81_000 * MIB, 81_920 * MIB), 1024 * MIB);
        assertThat(check.finding().status()).isEqualTo(Status.OK);
        assertThat(check.finding().text())
                .contains("cufile_buffer_size of 8192 (MiB; the engine can have 0.85 of the memory) would suit")
                .contains("configured are 1024 (MiB; the engine can have 0.93 of the memory)");
    }

    @Test
    void aBufferThatDoesNotFitIsAProblemThatNamesTheSettings() {
        BufferCheck check = new BufferCheck(new DeviceMemoryInfo(1000 * MIB, 81_920 * MIB), 1024 * MIB);
        assertThat(check.fits()).isFalse();
        assertThat(check.finding().status()).isEqualTo(Status.PROBLEM);
        assertThat(check.finding().text())
                .startsWith("cufile_buffer_size is 1024 (MiB), but only 1000 MiB of 80.0 GiB are free");
        assertThat(check.finding().remedy()).contains("cufile_buffer_size", "engine's share");
    }
}
