package io.lmcache.cli.replay;

import java.util.ArrayList;
import java.util.List;

/** Counts by the trace's time, in steps of a fiftieth of it. Used by one thread. */
final class Steps {
    private static final int STEPS = 50;

    private final double start;
    private final double secondsOfStep;
    private final long[] hostHits = new long[STEPS];
    private final long[] fileHits = new long[STEPS];
    private final long[] writes = new long[STEPS];

    Steps(Trace trace) {
        this.start = trace.requests() == 0 ? 0 : trace.seconds(0);
        double end = trace.requests() == 0 ? 0 : trace.seconds(trace.requests() - 1);
        this.secondsOfStep = Math.max(1e-9, (end - start) / STEPS);
    }

    void add(double seconds, long hostHitsMore, long fileHitsMore, long writesMore) {
        int step = (int) Math.min(STEPS - 1, (seconds - start) / secondsOfStep);
        hostHits[step] += hostHitsMore;
        fileHits[step] += fileHitsMore;
        writes[step] += writesMore;
    }

    List<Step> toList() {
        List<Step> steps = new ArrayList<>();
        for (int i = 0; i < STEPS; i++) {
            steps.add(new Step(i * secondsOfStep, hostHits[i], fileHits[i], writes[i]));
        }
        return steps;
    }
}
