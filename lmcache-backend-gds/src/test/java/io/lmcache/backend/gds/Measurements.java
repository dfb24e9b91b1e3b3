package io.lmcache.backend.gds;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Rates by name, measured in rounds, and what they are held against. For one thread. */
final class Measurements {
    /** What is timed. */
    interface Work {
        void run() throws Exception;
    }

    private final Map<String, List<Double>> rates = new LinkedHashMap<>();

    /** Runs the work and notes its rate. */
    void note(String name, long bytes, Work work) throws Exception {
        long start = System.nanoTime();
        work.run();
        double rate = (double) bytes / (System.nanoTime() - start);
        rates.computeIfAbsent(name, _ -> new ArrayList<>()).add(rate);
    }

    /** The median rate of that name, in GB/s; NaN when it was never noted. */
    double median(String name) {
        double[] sorted = rates.getOrDefault(name, List.of(Double.NaN)).stream()
                .mapToDouble(rate -> rate)
                .sorted()
                .toArray();
        return sorted[sorted.length / 2];
    }

    /** Prints every rate: its median, and the range that it lay in. */
    void print(String title) {
        System.out.printf("%n%s%n", title);
        rates.forEach((name, values) -> System.out.printf(
                "  %-50s %6.1f GB/s  (%.1f to %.1f)%n",
                name,
                median(name),
                values.stream().mapToDouble(rate -> rate).min().orElseThrow(),
                values.stream().mapToDouble(rate -> rate).max().orElseThrow()));
    }

    /** Prints whether a ratio is as high as it should be. */
    static void atLeast(double target, String what, double ratio) {
        verdict(what, ratio, "at least", target, ratio >= target);
    }

    /** Prints whether a ratio is as low as it should be. */
    static void atMost(double target, String what, double ratio) {
        verdict(what, ratio, "at most", target, ratio <= target);
    }

    private static void verdict(String what, double ratio, String bound, double target, boolean met) {
        System.out.printf("  %-70s %5.2f  %s %.2f: %s%n", what, ratio, bound, target, met ? "met" : "MISSED");
    }
}
