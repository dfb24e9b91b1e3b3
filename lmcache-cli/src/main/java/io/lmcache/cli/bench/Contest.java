package io.lmcache.cli.bench;

import java.io.IOException;
import java.util.Arrays;
import java.util.function.LongSupplier;

/**
 * Times two ways to handle the same bytes in turns: whatever else the machine does meets both, so that their ratio means
 * something where the times alone do not. Used by one thread.
 */
final class Contest {
    private static final double NANOS = 1e9;

    private final LongSupplier nanoTime;

    /** One of the two. */
    @FunctionalInterface
    interface Contender {
        /** Handles the bytes; returns how many that were. */
        long run() throws IOException;

        /** What has to be done before each run and is not timed. */
        default void prepare() {}
    }

    /** The medians of both, in seconds. */
    record Medians(double candidate, double ceiling) {}

    Contest(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
    }

    /**
     * Lets both run.
     *
     * @param bytes what each has to handle in each run
     * @param warmUps rounds before those that count, for the JIT compiler and for memory that is touched the first time
     */
    Medians hold(long bytes, int warmUps, int rounds, Contender candidate, Contender ceiling) throws IOException {
        for (int round = 0; round < warmUps; round++) {
            time(candidate, bytes);
            time(ceiling, bytes);
        }
        double[] candidates = new double[rounds];
        double[] ceilings = new double[rounds];
        for (int round = 0; round < rounds; round++) {
            // Each goes first in every other round: the second finds the caches as the first has left them.
            if (round % 2 == 0) {
                candidates[round] = time(candidate, bytes);
                ceilings[round] = time(ceiling, bytes);
            } else {
                ceilings[round] = time(ceiling, bytes);
                candidates[round] = time(candidate, bytes);
            }
        }
        return new Medians(median(candidates), median(ceilings));
    }

    private double time(Contender contender, long bytes) throws IOException {
        contender.prepare();
        long start = nanoTime.getAsLong();
        long handled = contender.run();
        long end = nanoTime.getAsLong();
        if (handled != bytes) {
            // A miss would be fast.
            throw new IllegalStateException(
                    "A run handled " + handled + " bytes in place of " + bytes + ", so its time means nothing");
        }
        return (end - start) / NANOS;
    }

    static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
