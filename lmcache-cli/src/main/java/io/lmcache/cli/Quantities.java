package io.lmcache.cli;

import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes and times as people write and read them. */
final class Quantities {
    private static final Pattern TIME = Pattern.compile("(\\d{1,9})\\s*([smhdSMHD]?)");
    private static final String UNITS = "KMGTPE";

    private Quantities() {}

    /** A number of bytes in its largest unit, such as {@code 3.4 GiB}. */
    static String bytes(long bytes) {
        int power = bytes < 1024 ? 0 : (63 - Long.numberOfLeadingZeros(bytes)) / 10;
        return power == 0
                ? bytes + " B"
                : String.format(
                        Locale.ROOT, "%.1f %ciB", (double) bytes / (1L << (10 * power)), UNITS.charAt(power - 1));
    }

    /** How long ago, in the largest unit of which it is two at least, such as {@code 90 min}. */
    static String age(Duration age) {
        if (age.toDays() >= 2) {
            return age.toDays() + " d";
        }
        if (age.toHours() >= 2) {
            return age.toHours() + " h";
        }
        return age.toMinutes() >= 2 ? age.toMinutes() + " min" : Math.max(0, age.toSeconds()) + " s";
    }

    /** A time such as {@code 30s}, {@code 15m}, {@code 12h}, {@code 7d}, or bare seconds; empty when it is none. */
    static Optional<Duration> time(String text) {
        Matcher matcher = TIME.matcher(text.strip());
        if (!matcher.matches()) {
            return Optional.empty();
        }
        long number = Long.parseLong(matcher.group(1));
        return Optional.of(
                switch (matcher.group(2).toLowerCase(Locale.ROOT)) {
                    case "m" -> Duration.ofMinutes(number);
                    case "h" -> Duration.ofHours(number);
                    case "d" -> Duration.ofDays(number);
                    default -> Duration.ofSeconds(number);
                });
    }
}
