package io.lmcache.chunkfiles.inspect;

import java.time.Duration;

/**
 * How many bytes have which age, to a hundredth of the age, in memory that does not grow with their number. For one
 * thread.
 */
final class AgeHistogram {
    private static final int STEPS_PER_DOUBLING = 64;
    private static final int DOUBLINGS = 64;

    private final long[] bytes = new long[STEPS_PER_DOUBLING * DOUBLINGS];

    void add(Duration age, long added) {
        bytes[step(age)] += added;
    }

    /** The step that an age falls in; older ones have greater steps. */
    static int step(Duration age) {
        double millis = Math.max(0, age.toMillis());
        double doublings = Math.log(millis + 1) / Math.log(2);
        return Math.min((int) (doublings * STEPS_PER_DOUBLING), STEPS_PER_DOUBLING * DOUBLINGS - 1);
    }

    /** What has to go so that so many bytes do, oldest first. */
    Cut cutFor(long wanted) {
        long older = 0;
        for (int step = bytes.length - 1; step >= 0; step--) {
            if (older + bytes[step] >= wanted) {
                return new Cut(step, Math.max(0, wanted - older));
            }
            older += bytes[step];
        }
        return new Cut(-1, 0);
    }

    /**
     * A border between ages.
     *
     * @param step all of greater steps goes
     * @param bytes so much of that step itself goes
     */
    record Cut(int step, long bytes) {}
}
