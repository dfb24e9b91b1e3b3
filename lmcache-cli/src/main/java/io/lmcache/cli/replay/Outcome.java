package io.lmcache.cli.replay;

import java.util.List;

/**
 * What one replay of a trace gave, in blocks unless said otherwise.
 *
 * @param hostHits found in the host tier, as part of a prefix
 * @param fileHits found in the file tier only, as part of a prefix
 * @param hostWrites stored in or promoted to the host tier, whether they stayed or not
 * @param fileWrites stored in the file tier
 * @param hostEvictions left the host tier, or were not taken
 * @param fileEvictions left the file tier
 * @param hitTokens tokens that need not be computed
 * @param hitTokensSquared sum over the requests of the square of these
 * @param steps the hits and writes by the time of the trace
 * @param seconds processor time of the simulation, on one core
 */
public record Outcome(
        long hostHits,
        long fileHits,
        long hostWrites,
        long fileWrites,
        long hostEvictions,
        long fileEvictions,
        long hitTokens,
        double hitTokensSquared,
        List<Step> steps,
        double seconds) {
    /** Copies the list. */
    public Outcome {
        steps = List.copyOf(steps);
    }

    /** Found in any tier. */
    public long hits() {
        return hostHits + fileHits;
    }
}
