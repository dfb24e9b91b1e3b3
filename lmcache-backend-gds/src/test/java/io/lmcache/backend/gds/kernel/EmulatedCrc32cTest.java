package io.lmcache.backend.gds.kernel;

import java.io.IOException;

final class EmulatedCrc32cTest extends DeviceCrc32cContract {
    @Override
    TestDevice open() throws IOException, InterruptedException {
        return EmulatedDevice.open();
    }
}
