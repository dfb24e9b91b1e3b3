package io.lmcache.reliability;

import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.StressOptions;

/**
 * How many orders of calls are tried: as many as take seconds, or with {@code -Dlmcache.test.lincheckScenarios=500} as many
 * as take an hour.
 */
public final class Orders {
    private static final int SCENARIOS = Integer.getInteger("lmcache.test.lincheckScenarios", 5);

    private Orders() {}

    /** Fails when a scenario of the class's operations, on real threads, gave what no order one after another gives. */
    public static void checkOnThreads(Class<?> operations) {
        new StressOptions()
                .iterations(SCENARIOS)
                .invocationsPerIteration(1000)
                .threads(3)
                .actorsPerThread(3)
                .check(operations);
    }

    /** As {@link #checkOnThreads}, and with the order of every access to memory chosen. */
    public static void check(Class<?> operations) {
        new ModelCheckingOptions()
                .iterations(SCENARIOS)
                .invocationsPerIteration(100)
                .threads(2)
                .actorsPerThread(2)
                .actorsBefore(2)
                .actorsAfter(1)
                .check(operations);
        checkOnThreads(operations);
    }
}
