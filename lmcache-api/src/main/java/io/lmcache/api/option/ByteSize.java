package io.lmcache.api.option;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A number of bytes. Immutable and thread-safe.
 *
 * @param bytes the number, not negative
 */
public record ByteSize(long bytes) implements Comparable<ByteSize> {
    /** The bytes of a MiB. */
    public static final long MIB = 1L << 20;

    /** The bytes of a GiB. */
    public static final long GIB = 1L << 30;

    private static final String PREFIXES = "KMGT";
    private static final Pattern WITH_UNIT = Pattern.compile("(\\S*?)\\s*(?:([KMGT])(?:I?B)?|B)");

    /**
     * Checks the number.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when it is negative
     */
    public ByteSize {
        if (bytes < 0) {
            throw new LmcacheException(ErrorCode.INVALID_ARGUMENT, "Size: " + bytes + " bytes, allowed are 0 or more");
        }
    }

    /**
     * Reads {@code 512 MiB}, {@code 512MB}, {@code 0.5g} or a bare number of {@code bareUnit} bytes. Units are powers of
     * 1024 however they are spelt, as LMCache counts them.
     */
    static Optional<ByteSize> parse(String text, long bareUnit) {
        Matcher unit = WITH_UNIT.matcher(text.toUpperCase(Locale.ROOT));
        OptionalLong bytes =
                unit.matches() ? Decimals.scaled(unit.group(1), unitBytes(unit)) : Decimals.scaled(text, bareUnit);
        return bytes.isPresent() ? Optional.of(new ByteSize(bytes.getAsLong())) : Optional.empty();
    }

    /** A bare number with the unit of bytes behind it; any other text as it is. */
    public static String withUnit(String text) {
        return text.strip().chars().allMatch(Character::isDigit) ? text.strip() + " B" : text;
    }

    private static long unitBytes(Matcher unit) {
        return unit.group(2) == null ? 1 : 1L << (10 * (PREFIXES.indexOf(unit.group(2)) + 1));
    }

    @Override
    public int compareTo(ByteSize other) {
        return Long.compare(bytes, other.bytes);
    }

    /** The number in the largest unit that shows it exactly, such as {@code 5 GiB}. */
    @Override
    public String toString() {
        int power = bytes == 0 ? 0 : Math.min(Long.numberOfTrailingZeros(bytes) / 10, PREFIXES.length());
        String unit = power == 0 ? "B" : PREFIXES.charAt(power - 1) + "iB";
        return (bytes >> (10 * power)) + " " + unit;
    }
}
