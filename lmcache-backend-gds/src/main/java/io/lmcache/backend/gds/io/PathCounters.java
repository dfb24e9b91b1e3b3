package io.lmcache.backend.gds.io;

import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;

/** How many operations took which path, and how many bytes they moved. Thread-safe. */
public final class PathCounters {
    private record Counter(LongAdder operations, LongAdder bytes) {}

    private final Map<IoPath, Counter> counters = new EnumMap<>(IoPath.class);

    /** All zero. */
    public PathCounters() {
        for (IoPath path : IoPath.values()) {
            counters.put(path, new Counter(new LongAdder(), new LongAdder()));
        }
    }

    /** Counts one operation that moved so many bytes. */
    public void count(IoPath path, long bytes) {
        Counter counter = counters.get(path);
        if (counter == null) {
            throw new AssertionError(path + " has no counter");
        }
        counter.operations().increment();
        counter.bytes().add(bytes);
    }

    /** All counters by name, such as {@code path.staged.bytes}. */
    public SortedMap<String, Long> snapshot() {
        SortedMap<String, Long> snapshot = new TreeMap<>();
        counters.forEach((path, counter) -> {
            String name = "path." + path.name().toLowerCase(Locale.ROOT);
            snapshot.put(name + ".operations", counter.operations().sum());
            snapshot.put(name + ".bytes", counter.bytes().sum());
        });
        return snapshot;
    }
}
