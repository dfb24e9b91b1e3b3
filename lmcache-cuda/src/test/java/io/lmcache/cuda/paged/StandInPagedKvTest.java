package io.lmcache.cuda.paged;

import io.lmcache.cuda.kernel.StandInDevice;
import io.lmcache.cuda.kernel.TestDevice;
import io.lmcache.cuda.standin.StandIns;
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
