// snippet: contract
package com.example.scratch;

import io.lmcache.api.spi.StorageBackend;
import io.lmcache.testkit.StorageBackendContract;

class ScratchBackendTest extends StorageBackendContract {
    @Override
    protected StorageBackend createBackend(long capacityBytes) {
        return new ScratchBackend(capacityBytes);
    }
}
// end
