package io.lmcache.server;

import io.lmcache.api.spi.BackendStats;
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
            look(tier, "read", stats, troubles);
            look(tier, "write", stats, troubles);
        });
        return new ServerHealth(
                !calls.isDraining(),
                version,
                ProcessHandle.current().pid(),
                Duration.ofNanos(System.nanoTime() - start),
                stack.tiers(),
                troubles);
    }

    private static void look(String tier, String operation, BackendStats stats, List<String> troubles) {
        if (stats.counters().getOrDefault(operation + "_breaker_open", 0L) > 0) {
            troubles.add("tier '" + tier + "' failed to " + operation
                    + " repeatedly and is left alone for a while; the server's log says why");
        }
    }
}
