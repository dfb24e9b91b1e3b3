package io.lmcache.cuda.kernel;

import java.io.IOException;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
final class GpuCrc32cTest extends DeviceCrc32cContract {
    @Override
    TestDevice open() throws IOException {
        return GpuDevice.open();
    }
}
