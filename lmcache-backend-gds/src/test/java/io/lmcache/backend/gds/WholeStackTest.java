package io.lmcache.backend.gds;

import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.cuda.kernel.EmulatedKernels;
import io.lmcache.cuda.kernel.GpuDevice;
import io.lmcache.cuda.standin.StandIns;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The benchmark's stacks, small: each way fails when other bytes come back, or from another tier than they should. */
@ExtendWith(StandIns.class)
class WholeStackTest {
    private static final KvLayout LAYOUT = KvLayout.kv(KvDtype.BFLOAT16, 2, 1, 32);

    @TempDir
    private Path directory;

    @BeforeEach
    void emulateKernels() throws Exception {
        StandIns.emulateKernels(EmulatedKernels.load());
        StandIns.totalMemory(1L << 30);
    }

    @Test
    void theFileTierAloneFillsAPagedCache() throws Exception {
        try (GpuDevice gpu = GpuDevice.open();
                EngineBenchmark stack = new EngineBenchmark(gpu, directory, LAYOUT, 4 * 256)) {
            stack.fileTier(2);
        }
    }

    @Test
    void theHostTierAboveTheFileTierIsFilledOnTheWay() throws Exception {
        try (GpuDevice gpu = GpuDevice.open();
                EngineBenchmark stack = new EngineBenchmark(gpu, directory, LAYOUT, 4 * 256)) {
            stack.fileTier(1);
            stack.bothTiers(1);
        }
    }

    @Test
    void theHostTierAloneServesAPagedCache() throws Exception {
        try (GpuDevice gpu = GpuDevice.open();
                EngineBenchmark stack = new EngineBenchmark(gpu, directory, LAYOUT, 4 * 256)) {
            stack.hostTier(2);
        }
    }
}
