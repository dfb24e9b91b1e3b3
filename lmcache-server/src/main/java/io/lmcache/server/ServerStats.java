package io.lmcache.server;

import io.lmcache.core.engine.ModelStats;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a server holds and did since it was started.
 *
 * @param models what was asked for, found and stored, by the name of the model
 * @param tiers its tiers, fastest first
 * @param sessions the sessions that are open
 * @param kvCaches the KV caches that engines have registered
 * @param mappedBytes the bytes of these that are mapped
 * @param pins the prefixes that sessions keep from eviction
 */
public record ServerStats(
        SortedMap<String, ModelStats> models,
        List<Tier> tiers,
        int sessions,
        int kvCaches,
        long mappedBytes,
        int pins) {
    /** Copies the collections. */
    public ServerStats {
        models = Collections.unmodifiableSortedMap(new TreeMap<>(models));
        tiers = List.copyOf(tiers);
    }

    /**
     * A tier.
     *
     * @param name its name
     * @param chunks the chunks that it knows to hold
     * @param bytes their payload
     * @param limitBytes the most bytes it may hold; {@link Long#MAX_VALUE} without a limit
     * @param counters what happened since the start, by name
     */
    public record Tier(String name, long chunks, long bytes, long limitBytes, SortedMap<String, Long> counters) {
        /** Copies the counters. */
        public Tier {
            counters = Collections.unmodifiableSortedMap(new TreeMap<>(counters));
        }

        /** What was counted under that name; 0 when the tier does not count it. */
        public long count(String counter) {
            return counters.getOrDefault(counter, 0L);
        }
    }
}
