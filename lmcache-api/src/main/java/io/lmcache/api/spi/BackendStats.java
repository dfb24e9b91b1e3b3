package io.lmcache.api.spi;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A snapshot of what a backend holds and did.
 *
 * @param chunks the chunks it knows to hold
 * @param bytes the payload bytes of these
 * @param limitBytes the most bytes it may hold; {@link Long#MAX_VALUE} without a limit
 * @param counters what happened since the start, by name, such as {@code evicted} or {@code corrupt}
 */
public record BackendStats(long chunks, long bytes, long limitBytes, SortedMap<String, Long> counters) {
    /** Copies the counters. */
    public BackendStats {
        counters = Collections.unmodifiableSortedMap(new TreeMap<>(counters));
    }
}
