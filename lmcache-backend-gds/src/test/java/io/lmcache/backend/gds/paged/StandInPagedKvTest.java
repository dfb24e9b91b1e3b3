package io.lmcache.backend.gds.paged;

import io.lmcache.backend.gds.kernel.StandInDevice;
import io.lmcache.backend.gds.kernel.TestDevice;
import io.lmcache.backend.gds.standin.StandIns;
import java.io.IOException;
import org.junit.jupiter.api.extension.ExtendWith;

/** The way through jcuda and a driver that does everything as late as it may. */
@ExtendWith(StandIns.class)
final class StandInPagedKvTest extends PagedKvContract {
    @Override
    TestDevice open() throws IOException, InterruptedException {
        return StandInDevice.open();
    }
}
