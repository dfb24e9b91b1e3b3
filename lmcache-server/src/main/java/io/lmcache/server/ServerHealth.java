package io.lmcache.server;

import java.time.Duration;
import java.util.List;

/**
 * Whether a server takes calls, and what does not work though it does.
 *
 * @param isServing false while it ends
 * @param version the server's version
 * @param pid its process id
 * @param uptime how long it has taken calls
 * @param tiers the names of its tiers, fastest first
 * @param troubles a sentence for each thing that does not work
 */
public record ServerHealth(
        boolean isServing, String version, long pid, Duration uptime, List<String> tiers, List<String> troubles) {
    /** Copies the lists. */
    public ServerHealth {
        tiers = List.copyOf(tiers);
        troubles = List.copyOf(troubles);
    }

    /** In one word, as an orchestrator's probe is told. */
    public String status() {
        return isServing ? "healthy" : "draining";
    }
}
