package io.lmcache.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.cuda.standin.StandIns;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(StandIns.class)
class HostPageLocksTest {
    private static final long PIECE = HostPageLocks.PIECE_BYTES;

    /** Long enough to hold two whole pieces wherever it lies. */
    private static final long BYTES = 3 * PIECE + 4096;

    @Test
    void allOfARegionIsLockedInTheBackgroundAndUnlockedAtTheEnd() throws IOException, InterruptedException {
        try (HostRegion region = new HostRegion(BYTES);
                CudaDevice device = CudaDevice.open(0)) {
            try (HostPageLocks locks = HostPageLocks.start(device, List.of(new HostBuffer(region.segment())))) {
                awaitLocked(locks, BYTES);
                assertThat(StandIns.lockedBytes()).isEqualTo(BYTES);
            }
            assertThat(StandIns.lockedBytes()).isZero();
        }
    }

    @Test
    void aPieceEndsWhereTheAddressSpaceIsCut() {
        assertThat(HostPageLocks.bytesOfOnePiece(5 * PIECE, 10 * PIECE)).isEqualTo(PIECE);
        assertThat(HostPageLocks.bytesOfOnePiece(5 * PIECE - 4096, 10 * PIECE)).isEqualTo(4096);
        assertThat(HostPageLocks.bytesOfOnePiece(5 * PIECE + 1, 100)).isEqualTo(100);
    }

    @Test
    void aRefusalLeavesTheRestUnlockedAndTheCallerInPeace() throws IOException, InterruptedException {
        StandIns.fail("cuMemHostRegister", CUresult.CUDA_ERROR_OUT_OF_MEMORY, 1, Long.MAX_VALUE);
        try (HostRegion region = new HostRegion(BYTES);
                CudaDevice device = CudaDevice.open(0);
                HostPageLocks locks = HostPageLocks.start(device, List.of(new HostBuffer(region.segment())))) {
            long first = HostPageLocks.bytesOfOnePiece(region.segment().address(), BYTES);
            awaitLocked(locks, first);
            assertThat(StandIns.lockedBytes()).isEqualTo(first);
        }
        assertThat(StandIns.lockedBytes()).isZero();
    }

    private static void awaitLocked(HostPageLocks locks, long bytes) throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
        while (locks.lockedBytes() != bytes) {
            assertThat(System.nanoTime())
                    .as("locked so far: %d", locks.lockedBytes())
                    .isLessThan(deadline);
            Thread.sleep(1);
        }
    }
}
