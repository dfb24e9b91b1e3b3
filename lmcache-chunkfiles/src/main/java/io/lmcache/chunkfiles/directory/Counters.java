package io.lmcache.chunkfiles.directory;

import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;

/** What happened to the chunks of a directory since its start. Thread-safe. */
public final class Counters {
    /** A kind of event; in lower case it is the counter's name in statistics. */
    public enum Event {
        /** Gets that returned a chunk. */
        HITS,
        /** Gets that returned none. */
        MISSES,
        /** Chunks written and published. */
        STORED,
        /** Puts of a chunk that was there. */
        ALREADY_PRESENT,
        /** Puts that were refused. */
        DECLINED,
        /** Those of them whose key the file format cannot express. */
        INEXPRESSIBLE,
        /** Files that are sound, but another chunk's of the same name. */
        OTHER,
        /** Files that failed the check of a read and passed at a second look: replaced since, or read wrongly. */
        MISREAD,
        /** Files that failed their check and went to quarantine. */
        CORRUPT,
        /** Files removed from quarantine. */
        QUARANTINE_REMOVED,
        /** Chunks removed to make room. */
        EVICTED,
        /** Chunks removed because nobody had used them for long. */
        EXPIRED,
        /** Files that ought to be removed and could not be. */
        UNDELETABLE,
        /** LMCache's metadata files removed whose chunk was gone. */
        STALE_METADATA,
        /** Temporary files removed that writers had left behind when they died. */
        STALE_TEMPORARIES,
        /** Empty directories removed. */
        EMPTY_DIRECTORIES,
        /** Reads, writes and other operations that the file system failed. */
        IO_ERRORS,
        /** Payload bytes read. */
        BYTES_READ,
        /** Payload bytes written. */
        BYTES_WRITTEN
    }

    private final Map<Event, LongAdder> adders = new EnumMap<>(Event.class);

    /** All zero. */
    public Counters() {
        for (Event event : Event.values()) {
            adders.put(event, new LongAdder());
        }
    }

    /** Counts one event. */
    public void increment(Event event) {
        add(event, 1);
    }

    /** Counts so many events at once. */
    public void add(Event event, long count) {
        adder(event).add(count);
    }

    /** The events counted so far. */
    public long count(Event event) {
        return adder(event).sum();
    }

    /** All counters by name. */
    public SortedMap<String, Long> snapshot() {
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
