package io.lmcache.backend.s3;

import io.lmcache.api.spi.BackendCounter;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/** What happened since the start. Thread-safe. */
final class S3Counters {
    private final Map<BackendCounter, LongAdder> adders = new EnumMap<>(BackendCounter.class);

    S3Counters() {
        for (BackendCounter counted : List.of(
                BackendCounter.HITS,
                BackendCounter.MISSES,
                BackendCounter.STORED,
                BackendCounter.ALREADY_PRESENT,
                BackendCounter.DECLINED,
                BackendCounter.MISREAD,
                BackendCounter.CORRUPT,
                BackendCounter.EVICTED,
                BackendCounter.IO_ERRORS,
                BackendCounter.BYTES_READ,
                BackendCounter.BYTES_WRITTEN)) {
            adders.put(counted, new LongAdder());
        }
    }

    void increment(BackendCounter counter) {
        add(counter, 1);
    }

    void add(BackendCounter counter, long count) {
        LongAdder adder = adders.get(counter);
        if (adder == null) {
            throw new AssertionError(counter + " is not counted here");
        }
        adder.add(count);
    }

    Map<BackendCounter, Long> snapshot() {
        Map<BackendCounter, Long> snapshot = new EnumMap<>(BackendCounter.class);
        adders.forEach((counter, adder) -> snapshot.put(counter, adder.sum()));
        return snapshot;
    }
}
