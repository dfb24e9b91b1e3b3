package io.lmcache.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.LmcacheException;
import io.lmcache.cuda.standin.StandIns;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Memory of another process on a stand-in of the driver, whose handles are names in /dev/shm. */
@ExtendWith(StandIns.class)
class IpcMemoryTest {
    private static final int INVALID_VALUE = 1;

    private final Path file = Path.of("/dev/shm", "lmcache-test-" + UUID.randomUUID());
    private final byte[] handle =
            Arrays.copyOf(String.valueOf(file.getFileName()).getBytes(StandardCharsets.UTF_8), IpcMemory.HANDLE_BYTES);

    @BeforeEach
    void export() throws IOException {
        Files.write(file, new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
    }

    @AfterEach
    void remove() throws IOException {
        Files.delete(file);
    }

    @Test
    void whatAnotherProcessExportedIsReadAndWritten() throws IOException {
        try (CudaDevice device = CudaDevice.open(0);
                IpcMemory memory = device.openIpc(handle);
                Arena arena = Arena.ofConfined()) {
            assertThat(memory.buffer().byteSize()).isEqualTo(8);
            MemorySegment host = arena.allocate(2);
            device.copyToHost(memory.buffer().slice(3, 2), host);
            assertThat(host.toArray(ValueLayout.JAVA_BYTE)).containsExactly(4, 5);
            device.copyToDevice(host, memory.buffer().slice(0, 2));
        }
        assertThat(Files.readAllBytes(file)).containsExactly(4, 5, 3, 4, 5, 6, 7, 8);
    }

    @Test
    void aHandleThatTheDriverRefusesMapsNothing() throws IOException {
        try (CudaDevice device = CudaDevice.open(0)) {
            assertThatThrownBy(() -> device.openIpc(new byte[IpcMemory.HANDLE_BYTES]))
                    .isInstanceOf(CudaException.class)
                    .hasMessageContaining("cuIpcOpenMemHandle");
            assertThatThrownBy(() -> device.openIpc(new byte[66]))
                    .isInstanceOf(LmcacheException.class)
                    .hasMessageContaining("66");
        }
    }

    @Test
    void memoryWhoseSizeIsUnknownIsUnmappedAgain() throws IOException {
        StandIns.failAlways("cuMemGetAddressRange", INVALID_VALUE);
        try (CudaDevice device = CudaDevice.open(0)) {
            assertThatThrownBy(() -> device.openIpc(handle)).hasMessageContaining("cuMemGetAddressRange");
            assertThat(StandIns.count("cuIpcCloseMemHandle")).isEqualTo(1);
        }
    }

    @Test
    void closingTwiceUnmapsOnce() throws IOException {
        try (CudaDevice device = CudaDevice.open(0)) {
            IpcMemory memory = device.openIpc(handle);
            memory.close();
            memory.close();
            assertThat(StandIns.count("cuIpcCloseMemHandle")).isEqualTo(1);
        }
    }
}
