package io.lmcache.chunkfiles.directory;

import io.lmcache.api.spi.BackendCounter;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;

/** Counts what happens, since its start. Thread-safe. */
public final class Counters {
    private final Map<BackendCounter, LongAdder> adders = new EnumMap<>(BackendCounter.class);

    /** Counters of these kinds, all zero. */
    public Counters(Set<BackendCounter> kinds) {
        kinds.forEach(kind -> adders.put(kind, new LongAdder()));
    }

    /** What happens to the chunks of a directory. */
    public static Counters ofFiles() {
        return new Counters(EnumSet.range(BackendCounter.HITS, BackendCounter.BYTES_WRITTEN));
    }

    /** Counts one event. */
    public void increment(BackendCounter kind) {
        add(kind, 1);
    }

    /** Counts so many events at once. */
    public void add(BackendCounter kind, long count) {
        adder(kind).add(count);
    }

    /** The events counted so far. */
    public long count(BackendCounter kind) {
        return adder(kind).sum();
    }

    /** All counters. */
    public Map<BackendCounter, Long> snapshot() {
        Map<BackendCounter, Long> snapshot = new EnumMap<>(BackendCounter.class);
        adders.forEach((kind, adder) -> snapshot.put(kind, adder.sum()));
        return snapshot;
    }

    private LongAdder adder(BackendCounter kind) {
        LongAdder adder = adders.get(kind);
        if (adder == null) {
            throw new AssertionError(kind + " is not counted here");
        }
        return adder;
    }
}
