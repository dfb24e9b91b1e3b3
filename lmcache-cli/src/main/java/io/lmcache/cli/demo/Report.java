package io.lmcache.cli.demo;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.SortedMap;

/**
 * What the demo measured. Immutable and thread-safe.
 *
 * @param model the model's id
 * @param tiers the tiers of the stack, fastest first
 * @param persistentTiers those of them whose chunks survive the process
 * @param rows one for each run, in the order they ran
 */
public record Report(String model, List<String> tiers, List<String> persistentTiers, List<Row> rows) {
    /** The name of the row of the new process. */
    public static final String NEW_PROCESS = "new process";

    /** Copies the lists. */
    public Report {
        tiers = List.copyOf(tiers);
        persistentTiers = List.copyOf(persistentTiers);
        rows = List.copyOf(rows);
    }

    /** Whether every run gave the logits of the run without a cache. */
    @JsonProperty
    public boolean allLogitsEqual() {
        return rows.stream().allMatch(Row::logitsEqual);
    }

    /**
     * One run.
     *
     * @param name what was run
     * @param tokens the length of the prompt
     * @param hitTokensByTier how many of them came from the cache, by tier
     * @param seconds the time to the first token
     * @param secondsWithoutCache the time to the first token of the same prompt without a cache
     * @param logitsEqual whether the logits are bit for bit those of the run without a cache
     */
    public record Row(
            String name,
            int tokens,
            SortedMap<String, Integer> hitTokensByTier,
            double seconds,
            double secondsWithoutCache,
            boolean logitsEqual) {
        /** How many times faster than without a cache. */
        @JsonProperty
        public double speedUp() {
            return secondsWithoutCache / seconds;
        }
    }
}
