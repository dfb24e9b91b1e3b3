package io.lmcache.cuda.paged;

import io.lmcache.cuda.kernel.GpuDevice;
import io.lmcache.cuda.kernel.TestDevice;
import java.io.IOException;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
final class GpuPagedKvTest extends PagedKvContract {
    @Override
    TestDevice open() throws IOException {
        return GpuDevice.open();
    }
}
