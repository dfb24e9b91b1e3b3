package io.lmcache.server;

import io.lmcache.api.spi.BackendCounter;
import io.lmcache.core.engine.LmcacheStack;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Finds out how a server is. Thread-safe. */
final class HealthCheck {
    private final LmcacheStack stack;
    private final String version;
    private final CallsInFlight calls;
    private final long start = System.nanoTime();

    HealthCheck(LmcacheStack stack, String version, CallsInFlight calls) {
        this.stack = stack;
        this.version = version;
        this.calls = calls;
    }

    ServerHealth health() {
        List<String> troubles = new ArrayList<>();
        stack.stats().tiers().forEach((tier, stats) -> {
            look(tier, "read", stats.count(BackendCounter.READ_BREAKER_OPEN), troubles);
            look(tier, "write", stats.count(BackendCounter.WRITE_BREAKER_OPEN), troubles);
        });
        return new ServerHealth(
                !calls.isDraining(),
                version,
                ProcessHandle.current().pid(),
                Duration.ofNanos(System.nanoTime() - start),
                stack.tiers(),
                troubles);
    }

    private static void look(String tier, String operation, long isOpen, List<String> troubles) {
        if (isOpen > 0) {
            troubles.add("tier '" + tier + "' failed to " + operation
                    + " repeatedly and is left alone for a while; the server's log says why");
        }
    }
}
