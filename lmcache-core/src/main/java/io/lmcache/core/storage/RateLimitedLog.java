package io.lmcache.core.storage;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes at most one warning every ten seconds, so that a broken disk does not fill the log; says what it left out.
 * Thread-safe.
 */
public final class RateLimitedLog {
    private static final long INTERVAL = Duration.ofSeconds(10).toNanos();

    private final Logger log;
    private final AtomicLong last = new AtomicLong(System.nanoTime() - INTERVAL);
    private final LongAdder suppressed = new LongAdder();

    RateLimitedLog(Logger log) {
        this.log = log;
    }

    /** Warnings of this class. */
    public static RateLimitedLog of(Class<?> owner) {
        return new RateLimitedLog(LoggerFactory.getLogger(owner));
    }

    /** Writes the warning, or counts it. */
    public void warn(String message) {
        warn(message, null);
    }

    /** As {@link #warn(String)}, with the stack trace of its cause. */
    public void warn(String message, @Nullable Throwable cause) {
        long now = System.nanoTime();
        long previous = last.get();
        if (now - previous < INTERVAL || !last.compareAndSet(previous, now)) {
            suppressed.increment();
            return;
        }
        long left = suppressed.sumThenReset();
        log.warn(message + (left == 0 ? "" : " (and " + left + " more such warnings since the last one)"), cause);
    }
}
