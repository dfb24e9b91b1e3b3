package io.lmcache.backend.gds;

import java.util.Map;

/** The contract on a GPU, through libcufile where it works there, and else staged after its failure. */
class GpuCufileContractTest extends GpuStagedContractTest {
    @Override
    Map<String, String> settings() {
        return Map.of("use_cufile", "auto");
    }
}
