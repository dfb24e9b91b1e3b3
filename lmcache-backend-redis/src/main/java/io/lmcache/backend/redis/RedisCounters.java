package io.lmcache.backend.redis;

import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;

/** What happened since the start. Thread-safe. */
final class RedisCounters {
    /** A kind of event; in lower case it is the counter's name in statistics. */
    enum Event {
        /** Gets that returned a chunk. */
        HITS,
        /** Gets that returned none. */
        MISSES,
        /** Chunks written. */
        STORED,
        /** Puts of a chunk that was there. */
        ALREADY_PRESENT,
        /** Puts that were refused. */
        DECLINED,
        /** Values that failed the check of a read and passed at a second look: replaced since, or read wrongly. */
        MISREAD,
        /** Values that failed their check twice, or are no chunk at all, and were deleted. */
        CORRUPT,
        /** Chunks removed to stay within {@code max_size}. */
        EVICTED,
        /** Commands that a node of a cluster refused because another one has the chunk now. */
        MOVED,
        /** Connections made. */
        CONNECTIONS,
        /** Commands that failed with their connection. */
        IO_ERRORS,
        /** Payload bytes read. */
        BYTES_READ,
        /** Payload bytes written. */
        BYTES_WRITTEN
    }

    private final Map<Event, LongAdder> adders = new EnumMap<>(Event.class);

    RedisCounters() {
        for (Event event : Event.values()) {
            adders.put(event, new LongAdder());
        }
    }

    void increment(Event event) {
        add(event, 1);
    }

    void add(Event event, long count) {
        adder(event).add(count);
    }

    /** All counters by name. */
    SortedMap<String, Long> snapshot() {
        SortedMap<String, Long> snapshot = new TreeMap<>();
        adders.forEach((event, adder) -> snapshot.put(event.name().toLowerCase(Locale.ROOT), adder.sum()));
        return snapshot;
    }

    private LongAdder adder(Event event) {
        LongAdder adder = adders.get(event);
        if (adder == null) {
            throw new AssertionError(event + " has no adder");
        }
        return adder;
    }
}
