package io.lmcache.backend.gds;

import io.lmcache.cuda.standin.StandIns;
import java.util.Map;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract, staged through page-locked memory. */
@ExtendWith(StandIns.class)
class GdsBackendContractTest extends GdsContract {
    @Override
    Map<String, String> settings() {
        return Map.of("use_cufile", "false");
    }
}
