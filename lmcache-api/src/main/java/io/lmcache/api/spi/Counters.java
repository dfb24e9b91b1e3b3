package io.lmcache.api.spi;

import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;

/** What a backend counts for {@link BackendStats}, since its start. Thread-safe. */
public final class Counters {
    private final Map<BackendCounter, LongAdder> adders = new EnumMap<>(BackendCounter.class);

    /** Counters of these kinds, all zero; others are not counted, and an error to ask for. */
    public Counters(Set<BackendCounter> kinds) {
        kinds.forEach(kind -> adders.put(kind, new LongAdder()));
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

    @Override
    public String toString() {
        return snapshot().toString();
    }
}
