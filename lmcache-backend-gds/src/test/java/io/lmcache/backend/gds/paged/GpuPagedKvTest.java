package io.lmcache.backend.gds.paged;

import io.lmcache.backend.gds.kernel.GpuDevice;
import io.lmcache.backend.gds.kernel.TestDevice;
import java.io.IOException;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
final class GpuPagedKvTest extends PagedKvContract {
    @Override
    TestDevice open() throws IOException {
        return GpuDevice.open();
    }
}
