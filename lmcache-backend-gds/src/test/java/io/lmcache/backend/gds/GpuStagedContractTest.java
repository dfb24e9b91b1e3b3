package io.lmcache.backend.gds;

import static org.junit.jupiter.api.Assumptions.abort;

import io.lmcache.cuda.CudaAvailability;
import io.lmcache.cuda.CudaDriver;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;

/** The contract on a GPU, staged through page-locked memory. */
@Tag("gpu")
class GpuStagedContractTest extends GdsContract {
    @BeforeEach
    void requireGpu() {
        if (CudaDriver.availability() instanceof CudaAvailability.Unavailable(String reason, String _)) {
            abort("no GPU here: " + reason);
        }
    }

    @Override
    Map<String, String> settings() {
        return Map.of("use_cufile", "false");
    }
}
