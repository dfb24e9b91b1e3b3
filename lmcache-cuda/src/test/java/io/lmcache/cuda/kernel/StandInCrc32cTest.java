package io.lmcache.cuda.kernel;

import io.lmcache.cuda.standin.StandIns;
import java.io.IOException;
import org.junit.jupiter.api.extension.ExtendWith;

/** The way through jcuda and a driver that does everything as late as it may. */
@ExtendWith(StandIns.class)
final class StandInCrc32cTest extends DeviceCrc32cContract {
    @Override
    TestDevice open() throws IOException, InterruptedException {
        return StandInDevice.open();
    }
}
