package io.lmcache.api.spi;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;

/**
 * A snapshot of what a backend holds and did.
 *
 * @param chunks the chunks it knows to hold
 * @param bytes the payload bytes of these
 * @param limitBytes the most bytes it may hold; {@link Long#MAX_VALUE} without a limit
 * @param counters what happened since the start, in the order of the constants; nothing of what the backend does not count
 */
public record BackendStats(long chunks, long bytes, long limitBytes, Map<BackendCounter, Long> counters) {
    /** Copies the counters. */
    public BackendStats {
        Map<BackendCounter, Long> copy = new EnumMap<>(BackendCounter.class);
        copy.putAll(counters);
        counters = Collections.unmodifiableMap(copy);
    }

    /** What was counted of that; 0 when the backend does not count it. */
    public long count(BackendCounter counter) {
        return counters.getOrDefault(counter, 0L);
    }

    /** The same with further counters, or with other values for those that are there. */
    public BackendStats with(Map<BackendCounter, Long> more) {
        Map<BackendCounter, Long> all = new EnumMap<>(BackendCounter.class);
        all.putAll(counters);
        all.putAll(more);
        return new BackendStats(chunks, bytes, limitBytes, all);
    }
}
