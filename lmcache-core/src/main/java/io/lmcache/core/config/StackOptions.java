package io.lmcache.core.config;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.time.Duration;

/**
 * How a stack of tiers behaves. Immutable; the defaults are {@link #DEFAULTS}.
 *
 * @param readDeadline how long a lookup or a read of one chunk may take before it is a miss
 * @param writeDeadline how long a write of one chunk may take before it counts as failed
 * @param maxBytesInFlight payload bytes that one retrieve reads ahead at most
 * @param promotion what happens to a chunk found in a slow tier
 * @param allocationAttempts how often a store asks for a buffer while writes in flight hold them all
 * @param allocationDelay how long it waits for one of these writes between two attempts
 * @param breakerFailures failures among as many calls in a row that open a tier's circuit breaker
 * @param breakerOpen how long the circuit breaker stays open before the tier is tried again
 */
public record StackOptions(
        Duration readDeadline,
        Duration writeDeadline,
        long maxBytesInFlight,
        PromotionPolicy promotion,
        int allocationAttempts,
        Duration allocationDelay,
        int breakerFailures,
        Duration breakerOpen) {

    /** What holds when nothing is said. */
    public static final StackOptions DEFAULTS = new StackOptions(
            Duration.ofSeconds(10),
            Duration.ofSeconds(60),
            256L << 20,
            PromotionPolicy.ALWAYS,
            10,
            Duration.ofMillis(100),
            5,
            Duration.ofSeconds(30));

    /** Checks the numbers. */
    public StackOptions {
        requirePositive("readDeadline", readDeadline);
        requirePositive("writeDeadline", writeDeadline);
        requireNotNegative("allocationDelay", allocationDelay);
        requirePositive("breakerOpen", breakerOpen);
        requirePositive("maxBytesInFlight", maxBytesInFlight);
        requirePositive("allocationAttempts", allocationAttempts);
        requirePositive("breakerFailures", breakerFailures);
    }

    private static void requirePositive(String name, Duration value) {
        requirePositive(name, value.isNegative() ? -1 : value.toNanos());
    }

    private static void requireNotNegative(String name, Duration value) {
        if (value.isNegative()) {
            throw new LmcacheException(ErrorCode.INVALID_CONFIGURATION, name + " must not be negative");
        }
    }

    private static void requirePositive(String name, long value) {
        if (value < 1) {
            throw new LmcacheException(ErrorCode.INVALID_CONFIGURATION, name + " must be greater than zero");
        }
    }
}
