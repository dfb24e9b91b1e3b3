package io.lmcache.chunkfiles.directory;

import java.time.Clock;
import java.util.concurrent.atomic.AtomicLong;

/** Lets one log line through in ten seconds: a failing disk fails thousands of times. Thread-safe. */
final class LogLimiter {
    private static final long INTERVAL_MILLIS = 10_000;

    private final Clock clock;
    private final AtomicLong next = new AtomicLong(Long.MIN_VALUE);

    LogLimiter(Clock clock) {
        this.clock = clock;
    }

    boolean permits() {
        long now = clock.millis();
        long due = next.get();
        return now >= due && next.compareAndSet(due, now + INTERVAL_MILLIS);
    }
}
