package io.lmcache.backend.gds.paged;

import io.lmcache.backend.gds.kernel.EmulatedDevice;
import io.lmcache.backend.gds.kernel.TestDevice;
import java.io.IOException;

final class EmulatedPagedKvTest extends PagedKvContract {
    @Override
    TestDevice open() throws IOException, InterruptedException {
        return EmulatedDevice.open();
    }
}
