package io.lmcache.api.spi;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Writes at most one warning every ten seconds, so that a broken disk does not fill the log; says how many it left out.
 *
 * <p>Thread-safe, as its log has to be.
 */
public final class RateLimitedLog {
    private static final long INTERVAL = Duration.ofSeconds(10).toNanos();

    private final BiConsumer<String, @Nullable Throwable> log;
    private final AtomicLong last = new AtomicLong(System.nanoTime() - INTERVAL);
    private final LongAdder suppressed = new LongAdder();

    /**
     * A log of which nothing is written so far.
     *
     * @param log where warnings go, with their cause if they have one, such as {@code LOG::warn} of SLF4J
     */
    public RateLimitedLog(BiConsumer<String, @Nullable Throwable> log) {
        this.log = log;
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
        log.accept(message + (left == 0 ? "" : " (and " + left + " more such warnings since the last one)"), cause);
    }

    @Override
    public String toString() {
        return "RateLimitedLog[" + suppressed.sum() + " left out]";
    }
}
