package io.lmcache.cli.report;

import java.util.List;

/**
 * A figure. Immutable; the page's script reads it as JSON.
 *
 * @param title what it shows
 * @param note how to read it, in a sentence
 * @param xLabel what is along the bottom
 * @param yLabel what is along the side, with its unit
 * @param x what belongs to each point, as it is written below it
 * @param series what is drawn
 */
public record Chart(String title, String note, String xLabel, String yLabel, List<String> x, List<Series> series) {
    /** How values are drawn. */
    public enum Kind {
        /** A line through points. */
        LINE,
        /** A column for each. */
        BAR,
        /** A mark for each. */
        MARK
    }

    /**
     * One row of values.
     *
     * @param name what the values are of
     * @param kind how they are drawn
     * @param y a value for each x
     */
    public record Series(String name, Kind kind, List<Double> y) {
        /** Copies the values. */
        public Series {
            y = List.copyOf(y);
        }
    }

    /** Copies the lists; checks that there is a value for each x. */
    public Chart {
        x = List.copyOf(x);
        series = List.copyOf(series);
        for (Series one : series) {
            if (one.y().size() != x.size()) {
                throw new IllegalArgumentException(
                        "'" + one.name() + "' has " + one.y().size() + " values for " + x.size() + " places");
            }
        }
    }
}
