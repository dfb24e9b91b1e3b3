package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.Finding.Status;
import org.junit.jupiter.api.Test;

class ServerDiagnosisTest {
    private static final long MIB = 1 << 20;

    @Test
    void littleSharedMemoryIsANoteWithTheOptionOfContainers() {
        Finding little = ServerDiagnosis.sharedMemory(64 * MIB, 64 * MIB);
        assertThat(little.status()).isEqualTo(Status.NOTE);
        assertThat(little.text()).startsWith("/dev/shm has 0.1 GiB");
        assertThat(little.remedy()).contains("--shm-size");
        assertThat(ServerDiagnosis.sharedMemory(32 * 1024 * MIB, 16 * 1024 * MIB))
                .isEqualTo(Finding.ok(
                        "shared memory",
                        "/dev/shm has 32.0 GiB, 16.0 GiB of it free, for engines whose KV is in host memory"));
    }

    @Test
    void thisMachineIsTold() {
        assertThat(ServerDiagnosis.findings()).extracting(Finding::topic).containsExactly("shared memory");
    }
}
