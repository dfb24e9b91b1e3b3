package io.lmcache.cli;

import java.math.BigDecimal;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes as people write them: {@code 1.5 TiB}. */
final class ReplaySize {
    private static final Pattern SIZE =
            Pattern.compile("(\\d{1,9}(?:\\.\\d{1,6})?)\\s*([KMGTP])i?B", Pattern.CASE_INSENSITIVE);
    private static final String UNITS = "KMGTP";

    private ReplaySize() {}

    /** The bytes; a GB is a GiB, as everywhere. Empty when it is no size. */
    static Optional<Long> parse(String text) {
        Matcher matcher = SIZE.matcher(text.strip());
        if (!matcher.matches()) {
            return Optional.empty();
        }
        int power = UNITS.indexOf(matcher.group(2).toUpperCase(Locale.ROOT)) + 1;
        BigDecimal bytes = new BigDecimal(matcher.group(1))
                .multiply(BigDecimal.valueOf(1024).pow(power));
        return Optional.of(bytes.min(BigDecimal.valueOf(Long.MAX_VALUE)).longValue());
    }
}
