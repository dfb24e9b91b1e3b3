package io.lmcache.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PciOrderTest {
    @TempDir
    private Path devices;

    @Test
    void gpusAreCountedInTheOrderOfTheBus() throws IOException {
        device("0000:9a:00.0", "0x10de", "0x030200");
        device("0000:18:00.0", "0x10de", "0x030000");
        device("0000:2a:00.0", "0x10de", "0x030200");
        assertThat(PciOrder.numberOf("0000:18:00.0", devices)).hasValue(0);
        assertThat(PciOrder.numberOf("0000:2A:00.0", devices)).hasValue(1);
        assertThat(PciOrder.numberOf("0000:9A:00.0", devices)).hasValue(2);
    }

    @Test
    void switchesAndOtherVendorsAreNotCounted() throws IOException {
        device("0000:01:00.0", "0x10de", "0x068000");
        device("0000:02:00.0", "0x1002", "0x030000");
        device("0000:18:00.0", "0x10de", "0x030200");
        assertThat(PciOrder.numberOf("0000:18:00.0", devices)).hasValue(0);
        assertThat(PciOrder.numberOf("0000:01:00.0", devices)).isEmpty();
    }

    @Test
    void aMachineThatDoesNotListItsDevicesGivesNoNumber() {
        assertThat(PciOrder.numberOf("0000:18:00.0", devices)).isEmpty();
        assertThat(PciOrder.numberOf("0000:18:00.0", devices.resolve("missing")))
                .isEmpty();
    }

    @Test
    void withoutAGpuNoDriverIsAskedFor() throws IOException {
        device("0000:01:00.0", "0x10de", "0x068000");
        assertThat(PciOrder.hasNone(devices)).isTrue();
        assertThat(CudaDriver.withoutDriver(true).reason()).isEqualTo("this machine has no NVIDIA GPU");
        assertThat(CudaDriver.withoutDriver(true).remedy()).doesNotContain("install");
        device("0000:18:00.0", "0x10de", "0x030200");
        assertThat(PciOrder.hasNone(devices)).isFalse();
        assertThat(PciOrder.hasNone(devices.resolve("missing"))).isFalse();
        assertThat(CudaDriver.withoutDriver(false).remedy()).contains("install the NVIDIA driver");
    }

    private void device(String address, String vendor, String kind) throws IOException {
        Path folder = Files.createDirectory(devices.resolve(address));
        Files.writeString(folder.resolve("vendor"), vendor + "\n");
        Files.writeString(folder.resolve("class"), kind + "\n");
    }
}
