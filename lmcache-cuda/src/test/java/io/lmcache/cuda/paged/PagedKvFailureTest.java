package io.lmcache.cuda.paged;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.cuda.kernel.StandInDevice;
import io.lmcache.cuda.kernel.TestDevice;
import io.lmcache.cuda.standin.StandIns;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import jcuda.driver.CUresult;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(StandIns.class)
final class PagedKvFailureTest {
    private static final KvLayout LAYOUT = KvLayout.kv(KvDtype.HALF, 1, 1, 8);
    private static final TokenRange RANGE = new TokenRange(0, 4);

    private TestDevice device;
    private SlabAllocator memory;
    private PagedKvCache cache;
    private DeviceBuffer chunk;

    @BeforeEach
    void open() throws IOException, InterruptedException {
        device = StandInDevice.open();
        memory = new SlabAllocator("device", device.allocate(1 << 20), _ -> {});
        chunk = device.allocate(LAYOUT.chunkBytes(RANGE.length()));
        long layer = device.allocate(4096).address();
        cache = PagedKvCache.keysFirst(LAYOUT, 0, 2, 4, HeadOrder.NHD, layer);
    }

    /** Fails where a lease is left. */
    @AfterEach
    void close() throws IOException {
        if (device != null) {
            memory.close();
            device.close();
        }
    }

    @Test
    void aFailedUploadOfTheTablesGivesTheMemoryBack() {
        StandIns.fail("cuMemcpyHtoDAsync", CUresult.CUDA_ERROR_LAUNCH_FAILED, 0, 1);
        assertDeviceFailure(this::openRequest);
        assertThat(memory.usedBytes()).isZero();
    }

    @Test
    void aFailedLaunchSaysWhichKernelAndLeavesTheRequestToBeClosed() {
        try (PagedKv paged = openRequest()) {
            StandIns.fail("cuLaunchKernel", CUresult.CUDA_ERROR_LAUNCH_FAILED, 0, 2);
            assertDeviceFailure(() -> paged.fill(RANGE, chunk));
            assertDeviceFailure(() -> paged.accept(RANGE, chunk));
            paged.fill(RANGE, chunk);
        }
    }

    @Test
    void aFillingThatCannotBeginLeavesNothingUnderWayThatWritesTheChunk() throws IOException {
        PagedKv paged = openRequest(chunk.byteSize());
        try (TestDevice.HostMemory host = device.hostMemory(chunk.byteSize())) {
            // The first is after the gather, the second after the copy to the host.
            StandIns.fail("cuEventRecord", CUresult.CUDA_ERROR_LAUNCH_FAILED, 1, 1);
            assertDeviceFailure(() -> paged.beginFill(RANGE, new HostBuffer(host.segment())));
            assertLeftAlone(host, paged);
        }
    }

    @Test
    void aFillingThatFailsIsOverAllTheSame() throws IOException {
        PagedKv paged = openRequest(chunk.byteSize());
        try (TestDevice.HostMemory host = device.hostMemory(chunk.byteSize())) {
            KvSource.Filling filling = paged.beginFill(RANGE, new HostBuffer(host.segment()));
            StandIns.fail("cuEventQuery", CUresult.CUDA_ERROR_LAUNCH_FAILED, 0, 1);
            assertDeviceFailure(filling::await);
            assertLeftAlone(host, paged);
        }
    }

    private static void assertLeftAlone(TestDevice.HostMemory host, PagedKv paged) {
        host.segment().fill((byte) 7);
        paged.close();
        assertThat(host.segment().toArray(ValueLayout.JAVA_BYTE))
                .as("written after the failure")
                .containsOnly(7);
    }

    @Test
    void aStreamThatFailsAtTheEndStillGivesTheMemoryBack() {
        PagedKv paged = openRequest();
        StandIns.fail("cuStreamSynchronize", CUresult.CUDA_ERROR_LAUNCH_FAILED, 0, 1);
        assertDeviceFailure(paged::close);
        assertThat(memory.usedBytes()).isZero();
    }

    private PagedKv openRequest() {
        return openRequest(0);
    }

    private PagedKv openRequest(long stagingBytes) {
        return PagedKv.tryOpen(cache, BlockTable.of(1), device.stream(), memory, stagingBytes)
                .orElseThrow();
    }

    private static void assertDeviceFailure(ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.DEVICE))
                .hasMessageContaining("CUDA_ERROR_LAUNCH_FAILED");
    }
}
