package io.lmcache.backend.gds;

import io.lmcache.cuda.kernel.EmulatedKernels;
import io.lmcache.cuda.standin.StandIns;
import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract, with chunks moved by libcufile and summed by the kernel. */
@ExtendWith(StandIns.class)
class GdsBackendCufileContractTest extends GdsContract {
    @BeforeEach
    void emulateKernels() throws IOException, InterruptedException {
        StandIns.emulateKernels(EmulatedKernels.load());
    }

    @Override
    Map<String, String> settings() {
        return Map.of(
                "use_cufile", "true", "cufile_library", StandIns.cufileLibrary().toString());
    }
}
