package io.lmcache.core.metrics;

import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;

/**
 * The share of one count in another over the last while, as LMCache's hit rates are: it looks anew when it is read after an
 * interval, and says the same until then. Thread-safe.
 */
public final class RecentRate implements DoubleSupplier {
    private static final long INTERVAL_NANOS = 10_000_000_000L;

    private final LongSupplier part;
    private final LongSupplier whole;
    private final LongSupplier nanoTime;
    // Guarded by this, as is all below.
    private long lastLook;
    private long lastPart;
    private long lastWhole;
    private double rate;

    /** The share of {@code part} in {@code whole}; 0 where there is nothing new. */
    public RecentRate(LongSupplier part, LongSupplier whole) {
        this(part, whole, System::nanoTime);
    }

    RecentRate(LongSupplier part, LongSupplier whole, LongSupplier nanoTime) {
        this.part = part;
        this.whole = whole;
        this.nanoTime = nanoTime;
        this.lastLook = nanoTime.getAsLong() - INTERVAL_NANOS;
    }

    @Override
    public synchronized String toString() {
        return "RecentRate[" + rate + "]";
    }

    @Override
    public synchronized double getAsDouble() {
        long now = nanoTime.getAsLong();
        if (now - lastLook >= INTERVAL_NANOS) {
            long newPart = part.getAsLong();
            long newWhole = whole.getAsLong();
            rate = newWhole == lastWhole ? 0 : (double) (newPart - lastPart) / (newWhole - lastWhole);
            lastLook = now;
            lastPart = newPart;
            lastWhole = newWhole;
        }
        return rate;
    }
}
