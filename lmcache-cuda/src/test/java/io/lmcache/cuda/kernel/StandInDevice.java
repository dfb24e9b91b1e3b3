package io.lmcache.cuda.kernel;

import io.lmcache.cuda.standin.StandIns;
import java.io.IOException;

/** A GPU whose driver is the stand-in of libcuda and whose kernels are emulated, for tests extended with StandIns. */
public final class StandInDevice {
    private StandInDevice() {}

    /** The device; skips the test where there is no C++ compiler. */
    public static TestDevice open() throws IOException, InterruptedException {
        StandIns.emulateKernels(EmulatedKernels.load());
        return GpuDevice.open();
    }
}
