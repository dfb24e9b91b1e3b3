package io.lmcache.cli.bench;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * What the benchmark measured. Immutable and thread-safe.
 *
 * @param machine what it ran on
 * @param loadBefore processes that wanted to run in the minute before; negative where the system does not tell
 * @param rows one for each measurement
 */
public record Report(String machine, double loadBefore, List<Row> rows) {
    /** Copies the list. */
    public Report {
        rows = List.copyOf(rows);
    }

    /** Whether every target of what was measured is met. */
    @JsonProperty
    public boolean allTargetsMet() {
        return rows.stream().allMatch(Row::met);
    }

    /**
     * One measurement.
     *
     * @param what was measured
     * @param unit of the next two
     * @param measured the median
     * @param ceiling the median of the bare work, or the limit that is to be kept
     * @param target what should be reached
     */
    public record Row(String what, String unit, double measured, double ceiling, Target target) {
        /** The measurement in terms of the ceiling. */
        @JsonProperty
        public double ratio() {
            return measured / ceiling;
        }

        /** Whether the target is met. */
        @JsonProperty
        public boolean met() {
            return target.isMet(measured, ratio());
        }
    }
}
