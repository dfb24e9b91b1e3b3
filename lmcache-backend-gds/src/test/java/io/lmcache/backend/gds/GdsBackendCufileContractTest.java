package io.lmcache.backend.gds;

import io.lmcache.backend.gds.kernel.EmulatedKernels;
import io.lmcache.backend.gds.standin.StandIns;
import java.io.IOException;
import org.junit.jupiter.api.BeforeEach;

/** The contract, with chunks that are prepared in device memory, moved by libcufile, and summed by the kernel. */
class GdsBackendCufileContractTest extends GdsBackendContractTest {
    @BeforeEach
    void emulateKernels() throws IOException, InterruptedException {
        StandIns.emulateKernels(EmulatedKernels.load());
    }

    @Override
    String useCufile() {
        return "true";
    }
}
