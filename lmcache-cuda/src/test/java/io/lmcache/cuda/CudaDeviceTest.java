package io.lmcache.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.cuda.standin.StandIns;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(StandIns.class)
class CudaDeviceTest {
    private static final long MIB = 1 << 20;

    @Test
    void deviceTellsItsNameAndMemory() throws CudaException {
        try (CudaDevice device = CudaDevice.open(0);
                DeviceMemory _ = device.allocate(MIB)) {
            assertThat(device).hasToString("device 0 (Stand-in 0)");
            assertThat(device.memoryInfo().totalBytes()).isEqualTo(256 * MIB);
            assertThat(device.memoryInfo().freeBytes()).isBetween(254 * MIB, 255 * MIB);
        }
    }

    @Test
    void deviceMemoryIsAlignedToPages() throws CudaException {
        try (CudaDevice device = CudaDevice.open(0);
                DeviceMemory memory = device.allocate(3 * MIB)) {
            assertThat(memory.buffer().address() % 4096).isZero();
            assertThat(memory.buffer().byteSize()).isEqualTo(3 * MIB);
        }
    }

    @Test
    void bytesComeBackAsTheyWent() throws CudaException {
        try (CudaDevice device = CudaDevice.open(0);
                DeviceMemory memory = device.allocate(MIB);
                Arena arena = Arena.ofConfined()) {
            MemorySegment there = arena.allocate(MIB).fill((byte) 7);
            MemorySegment back = arena.allocate(MIB);
            device.copyToDevice(there, memory.buffer());
            device.copyToHost(memory.buffer(), back);
            assertThat(back.mismatch(there)).isEqualTo(-1);
        }
    }

    @Test
    void streamedCopiesAreThereOnceTheEventIsPast() throws CudaException {
        try (CudaDevice device = CudaDevice.open(0);
                DeviceMemory memory = device.allocate(MIB);
                HostRegion region = new HostRegion(2 * MIB);
                PageLock _ = device.pageLock(region.segment());
                CudaStream stream = device.newStream();
                CudaEvent event = device.newEvent()) {
            device.makeCurrent();
            MemorySegment there = region.segment().asSlice(0, MIB).fill((byte) 9);
            MemorySegment back = region.segment().asSlice(MIB, MIB);
            stream.copyToDevice(there, memory.buffer());
            stream.copyToHost(memory.buffer(), back);
            event.record(stream);
            event.await();
            assertThat(back.mismatch(there)).isEqualTo(-1);
        }
    }

    @Test
    void regionsOfOneDeviceAreTheSameForJcudaAndForUs() throws CudaException {
        DeviceBuffer buffer = new DeviceBuffer(0x7f00_0000_1000L, 4096, 1);
        assertThat(DeviceBuffers.of(Pointers.of(buffer), 4096, 1)).isEqualTo(buffer);
        assertThat(DeviceBuffers.of(Pointers.of(buffer).withByteOffset(512), 3584, 1))
                .isEqualTo(buffer.slice(512, 3584));
    }

    @Test
    void anOrdinalThatIsNotThereSaysHowManyAre() {
        assertThatThrownBy(() -> CudaDevice.open(3))
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.START_FAILED))
                .hasMessageContaining("no CUDA device: device 3 was asked for, but this process sees 1")
                .hasMessageContaining("CUDA_VISIBLE_DEVICES");
    }

    @Test
    void aDriverThatDoesNotStartSaysWhy() {
        StandIns.failAlways("cuInit", CUresult.CUDA_ERROR_NO_DEVICE);
        assertThatThrownBy(() -> CudaDevice.open(0))
                .hasMessageContaining("no CUDA device: cuInit failed: CUDA_ERROR_NO_DEVICE (100)")
                .hasMessageContaining("nvidia-smi");
    }

    @Test
    void moreMemoryThanThereIsIsToldApart() throws CudaException {
        try (CudaDevice device = CudaDevice.open(0)) {
            assertThatThrownBy(() -> device.allocate(300 * MIB))
                    .isInstanceOfSatisfying(
                            CudaException.class,
                            e -> assertThat(e.isOutOfMemory()).isTrue())
                    .hasMessageContaining("cuMemAlloc of 314572800 bytes failed: CUDA_ERROR_OUT_OF_MEMORY (2)");
        }
    }

    @Test
    void aFailedCopyLeavesTheThreadsContextAsItWas() throws CudaException {
        try (CudaDevice device = CudaDevice.open(0);
                DeviceMemory memory = device.allocate(MIB);
                Arena arena = Arena.ofConfined()) {
            StandIns.fail("cuMemcpyHtoD", CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, 0, 1);
            MemorySegment source = arena.allocate(ValueLayout.JAVA_LONG);
            assertThatThrownBy(() -> device.copyToDevice(source, memory.buffer()))
                    .isInstanceOf(CudaException.class);
            assertThat(StandIns.count("cuCtxPopCurrent")).isEqualTo(StandIns.count("cuCtxPushCurrent"));
        }
    }
}
