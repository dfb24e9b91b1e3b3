package io.lmcache.core.storage;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * How long one call waits for tiers, all its waits together. What it does not wait for goes on, and counts as no failure of
 * the tier. Immutable and thread-safe.
 */
public final class Patience {
    /** Waits as long as the tiers' own deadlines let it. */
    public static final Patience UNLIMITED = new Patience(Long.MAX_VALUE);

    private final long startNanos = System.nanoTime();
    private final long nanos;

    private Patience(long nanos) {
        this.nanos = nanos;
    }

    /**
     * Waits so long from now on.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when it is negative
     */
    public static Patience of(Duration atMost) {
        if (atMost.isNegative()) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "A call cannot take " + atMost + " at most; give it no time limit, or 0");
        }
        return new Patience(TimeUnit.NANOSECONDS.convert(atMost));
    }

    /** Whether the time is up. */
    boolean isOver() {
        return remaining() == 0;
    }

    /** The shorter of that time and what is left. */
    Duration atMost(Duration wait) {
        return Duration.ofNanos(Math.min(TimeUnit.NANOSECONDS.convert(wait), remaining()));
    }

    /** What the tier answers; empty when the time is up first. The answer is then still to come. */
    <T> Optional<T> await(CompletableFuture<T> answer) {
        CompletableFuture<Optional<T>> result = answer.thenApply(Optional::of);
        if (nanos < Long.MAX_VALUE && !result.isDone()) {
            result = result.completeOnTimeout(Optional.empty(), remaining(), TimeUnit.NANOSECONDS);
        }
        return result.join();
    }

    private long remaining() {
        return nanos == Long.MAX_VALUE ? nanos : Math.max(0, nanos - (System.nanoTime() - startNanos));
    }
}
