package io.lmcache.core.config;

import io.lmcache.core.hash.HashSeed;
import java.math.BigDecimal;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * How the text of a setting becomes a value and back.
 *
 * @param name what the value is, in a word or two
 * @param allowed which values there are, to follow "allowed is" or "allowed are"
 * @param reader the value of a text without blanks around it; empty when the text is not allowed
 * @param printer the normal text of a value, which the reader takes
 */
record ValueType<T>(String name, String allowed, Function<String, Optional<T>> reader, Function<T, String> printer) {
    private static final Pattern WHOLE_NUMBER = Pattern.compile("0|[1-9][0-9]{0,9}");
    private static final Pattern BACKEND_NAME = Pattern.compile("[a-z][a-z0-9-]*");
    private static final Map<String, Boolean> BOOLEAN_WORDS = Map.ofEntries(
            Map.entry("true", true),
            Map.entry("1", true),
            Map.entry("yes", true),
            Map.entry("y", true),
            Map.entry("on", true),
            Map.entry("false", false),
            Map.entry("0", false),
            Map.entry("no", false),
            Map.entry("n", false),
            Map.entry("off", false));

    static final ValueType<Boolean> BOOLEAN =
            new ValueType<>("boolean", "true and false", ValueType::booleanOf, String::valueOf);

    static final ValueType<CuFileUse> CUFILE_USE =
            new ValueType<>("choice", "auto, true and false", ValueType::cuFileUseOf, ValueType::cuFileWord);

    static final ValueType<HashSeed> HASH_SEED = new ValueType<>(
            "choice",
            "whole numbers from 0 to " + HashSeed.MAX_NUMBER + ", random and unseeded",
            ValueType::hashSeedOf,
            HashSeed::toString);

    static final ValueType<String> TEXT = new ValueType<>(
            "text",
            "any text but an empty one",
            text -> Optional.of(text).filter(Predicate.not(String::isEmpty)),
            Function.identity());

    static final ValueType<List<Path>> PATHS =
            new ValueType<>("paths", "paths, comma separated or as a list", ValueType::pathsOf, ValueType::joined);

    static final ValueType<List<String>> BACKEND_NAMES = new ValueType<>(
            "names",
            "different names of lower case letters, digits and '-', comma separated or as a list",
            ValueType::backendNamesOf,
            ValueType::joined);

    /** Leading zeros are refused: YAML 1.1 takes them for an octal number, people do not. */
    static ValueType<Integer> wholeNumber(int min, int max) {
        return new ValueType<>(
                "whole number",
                "whole numbers from " + min + " to " + max,
                text -> Optional.of(text)
                        .filter(WHOLE_NUMBER.asMatchPredicate())
                        .map(Long::parseLong)
                        .filter(value -> value >= min && value <= max)
                        .map(Long::intValue),
                String::valueOf);
    }

    /** A size above zero; a bare number counts in units of that many bytes, named so. */
    static ValueType<ByteSize> size(long bareUnit, String unitName) {
        return sizeOf(bareUnit, unitName, "above 0", size -> size.bytes() > 0);
    }

    /** A size, or zero. */
    static ValueType<ByteSize> sizeOrZero(long bareUnit, String unitName) {
        return sizeOf(bareUnit, unitName, "from 0", size -> true);
    }

    private static ValueType<ByteSize> sizeOf(
            long bareUnit, String unitName, String bound, Predicate<ByteSize> withinBound) {
        return new ValueType<>(
                "size, " + unitName,
                "numbers of " + unitName + " " + bound + ", or a size with its unit such as 512 MiB",
                text -> ByteSize.parse(text, bareUnit).filter(withinBound),
                ByteSize::toString);
    }

    /** A time of whole seconds from none to the longest. */
    static ValueType<Duration> wholeSeconds(int max) {
        ValueType<Integer> number = wholeNumber(0, max);
        return new ValueType<>(
                "seconds",
                number.allowed(),
                text -> number.reader().apply(text).map(Duration::ofSeconds),
                ValueType::secondsText);
    }

    /** A time from the shortest to the longest; the text is a decimal number of seconds. */
    static ValueType<Duration> seconds(Duration min, Duration max) {
        return new ValueType<>(
                "seconds",
                "seconds from " + secondsText(min) + " to " + secondsText(max),
                text -> durationOf(text).filter(value -> value.compareTo(min) >= 0 && value.compareTo(max) <= 0),
                ValueType::secondsText);
    }

    /** One of the constants, written in lower case, read in any. */
    static <E extends Enum<E>> ValueType<E> choice(Class<E> constants) {
        List<E> all = List.of(constants.getEnumConstants());
        return new ValueType<>(
                "choice",
                all.stream().map(ValueType::wordOf).collect(Collectors.joining(", ")),
                text -> all.stream()
                        .filter(constant -> constant.name().equalsIgnoreCase(text))
                        .findFirst(),
                ValueType::wordOf);
    }

    private static Optional<Boolean> booleanOf(String text) {
        return Optional.ofNullable(BOOLEAN_WORDS.get(text.toLowerCase(Locale.ROOT)));
    }

    private static Optional<CuFileUse> cuFileUseOf(String text) {
        return text.equalsIgnoreCase("auto")
                ? Optional.of(CuFileUse.AUTO)
                : booleanOf(text).map(wanted -> wanted ? CuFileUse.REQUIRED : CuFileUse.NEVER);
    }

    private static String cuFileWord(CuFileUse use) {
        return switch (use) {
            case AUTO -> "auto";
            case REQUIRED -> "true";
            case NEVER -> "false";
        };
    }

    private static Optional<HashSeed> hashSeedOf(String text) {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "random" -> Optional.of(new HashSeed.Random());
            case "unseeded" -> Optional.of(new HashSeed.Unseeded());
            default ->
                Optional.of(text)
                        .filter(WHOLE_NUMBER.asMatchPredicate())
                        .map(Long::parseLong)
                        .filter(number -> number <= HashSeed.MAX_NUMBER)
                        .map(HashSeed.Fixed::new);
        };
    }

    private static Optional<List<Path>> pathsOf(String text) {
        try {
            return Optional.of(entries(text).stream().map(Path::of).toList());
        } catch (InvalidPathException notAPath) {
            return Optional.empty();
        }
    }

    private static Optional<List<String>> backendNamesOf(String text) {
        List<String> names = entries(text);
        boolean allowed =
                names.stream().allMatch(BACKEND_NAME.asMatchPredicate()) && new HashSet<>(names).size() == names.size();
        return allowed ? Optional.of(names) : Optional.empty();
    }

    private static Optional<Duration> durationOf(String text) {
        OptionalLong nanos = Decimals.scaled(text, Duration.ofSeconds(1).toNanos());
        return nanos.isPresent() ? Optional.of(Duration.ofNanos(nanos.getAsLong())) : Optional.empty();
    }

    private static String secondsText(Duration duration) {
        return BigDecimal.valueOf(duration.toNanos(), 9).stripTrailingZeros().toPlainString();
    }

    private static List<String> entries(String text) {
        return Arrays.stream(text.split(",", -1))
                .map(String::strip)
                .filter(Predicate.not(String::isEmpty))
                .toList();
    }

    private static String joined(List<?> entries) {
        return entries.stream().map(String::valueOf).collect(Collectors.joining(","));
    }

    private static String wordOf(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }
}
