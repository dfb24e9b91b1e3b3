package io.lmcache.api.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class HostRegionTest {
    private static final long GIB = 1L << 30;

    @Test
    void reservingCostsNoMemory() throws IOException {
        long before = residentBytes();
        try (HostRegion region = new HostRegion(64 * GIB)) {
            assertThat(region.segment().byteSize()).isEqualTo(64 * GIB);
            assertThat(residentBytes() - before).isLessThan(GIB / 4);
        }
    }

    @Test
    void touchingAPageCommitsNoMoreThanItsSurroundings() throws IOException {
        try (HostRegion region = new HostRegion(16 * GIB)) {
            long before = residentBytes();
            region.segment().set(ValueLayout.JAVA_BYTE, 8 * GIB, (byte) 7);

            assertThat(region.segment().get(ValueLayout.JAVA_BYTE, 8 * GIB)).isEqualTo((byte) 7);
            assertThat(region.segment().get(ValueLayout.JAVA_BYTE, 16 * GIB - 1))
                    .isZero();
            assertThat(residentBytes() - before).isLessThan(GIB / 4);
        }
    }

    @Test
    void startsAtAPage() {
        try (HostRegion region = new HostRegion(1)) {
            assertThat(region.segment().address() % 4096).isZero();
            assertThat(region.segment().byteSize()).isEqualTo(1);
        }
    }

    @Test
    void accessAfterCloseThrowsAndCloseIsIdempotent() {
        HostRegion region = new HostRegion(4096);
        MemorySegment segment = region.segment();
        region.close();
        region.close();

        assertThatThrownBy(() -> segment.get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void sizeThatNoMachineHasIsRefusedWithTheRemedy() {
        assertThatThrownBy(() -> new HostRegion(Long.MAX_VALUE))
                .hasMessageContainingAll(String.valueOf(Long.MAX_VALUE), "ask for less")
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.START_FAILED));
        assertThatThrownBy(() -> new HostRegion(0)).isInstanceOf(LmcacheException.class);
    }

    @Test
    void buffersLieOutsideTheHeapAndSlicesWithinThem() {
        assertThatThrownBy(() -> new HostBuffer(MemorySegment.ofArray(new byte[8])))
                .isInstanceOf(LmcacheException.class)
                .hasMessageContaining("Arena");
        try (Arena arena = Arena.ofConfined()) {
            HostBuffer buffer = new HostBuffer(arena.allocate(8));
            assertThat(buffer.slice(2, 6).byteSize()).isEqualTo(6);
            assertThatThrownBy(() -> buffer.slice(2, 7)).isInstanceOf(IndexOutOfBoundsException.class);
        }
        DeviceBuffer device = new DeviceBuffer(4096, 8, 0);
        assertThat(device.slice(2, 6)).isEqualTo(new DeviceBuffer(4098, 6, 0));
        assertThatThrownBy(() -> device.slice(2, 7)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> device.slice(2, -1)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    private static long residentBytes() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
                .findFirst()
                .orElseThrow();
    }
}
