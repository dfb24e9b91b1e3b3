package io.lmcache.backend.cpu;

import io.lmcache.api.spi.StorageBackend;
import io.lmcache.testkit.StorageBackendContract;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** The host tier keeps the contract, whatever its policy. */
@ParameterizedClass
@EnumSource(EvictionPolicy.class)
class CpuBackendContractTest extends StorageBackendContract {
    @Parameter
    private EvictionPolicy policy = EvictionPolicy.LRU;

    @Override
    protected StorageBackend createBackend(long capacityBytes) {
        return new CpuBackend(capacityBytes, policy);
    }
}
