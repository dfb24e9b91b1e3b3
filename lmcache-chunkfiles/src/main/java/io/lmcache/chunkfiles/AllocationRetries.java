package io.lmcache.chunkfiles;

import java.time.Duration;

/**
 * How a read waits for room in memory that others will give back soon.
 *
 * @param attempts how often the memory is asked in all, at least once
 * @param delay how long between two attempts
 */
public record AllocationRetries(int attempts, Duration delay) {
    /** The memory is asked once. */
    public static final AllocationRetries NONE = new AllocationRetries(1, Duration.ZERO);
}
