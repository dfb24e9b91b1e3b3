package io.lmcache.cli.bench;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** What a measurement should reach. Immutable and thread-safe. */
public sealed interface Target {
    /** At least this share of the ceiling. */
    record RatioAtLeast(double bound) implements Target {}

    /** At most so many times the ceiling. */
    record RatioAtMost(double bound) implements Target {}

    /** At most this value, whatever the ceiling. */
    record AtMost(double bound, String unit) implements Target {}

    /** Nothing in particular: the measurement is there to be known. */
    record None() implements Target {}

    /** Whether the measurement, and its ratio to the ceiling, reach the target. */
    default boolean isMet(double measured, double ratio) {
        return switch (this) {
            case RatioAtLeast(double bound) -> ratio >= bound;
            case RatioAtMost(double bound) -> ratio <= bound;
            case AtMost(double bound, String _) -> measured <= bound;
            case None() -> true;
        };
    }

    /** The target in a few characters. */
    @JsonValue
    default String text() {
        return switch (this) {
            case RatioAtLeast(double bound) -> String.format(Locale.ROOT, "ratio >= %.2f", bound);
            case RatioAtMost(double bound) -> String.format(Locale.ROOT, "ratio <= %.2f", bound);
            case AtMost(double bound, String unit) -> String.format(Locale.ROOT, "<= %.0f %s", bound, unit);
            case None() -> "none";
        };
    }
}
