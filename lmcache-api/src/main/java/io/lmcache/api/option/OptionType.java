package io.lmcache.api.option;

import java.math.BigDecimal;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
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
 * How the text of a setting becomes a value and back. Immutable and thread-safe.
 *
 * @param <T> the type of the value
 */
public final class OptionType<T> {
    private static final Pattern WHOLE_NUMBER = Pattern.compile("0|[1-9][0-9]{0,9}");
    /** Far above any storage, so that sums of sizes do not overflow. */
    private static final long MAX_BYTES = Long.MAX_VALUE / 2;

    private static final Pattern SEPARATOR = Pattern.compile("(?<!\\\\),");

    private static final String AUTO = "auto";
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

    /** True or false, also in the words of YAML. */
    public static final OptionType<Boolean> BOOLEAN =
            of("boolean", "true and false", OptionType::booleanOf, String::valueOf);

    /** Any text that is not empty. */
    public static final OptionType<String> TEXT = of(
            "text",
            "any text but an empty one",
            text -> Optional.of(text).filter(Predicate.not(String::isEmpty)),
            Function.identity());

    /** Directories or files, none or several, all different; {@code ~} is the user's home. */
    public static final OptionType<List<Path>> PATHS = new OptionType<>(
            "paths", "paths, comma separated or as a list", PathTexts::paths, OptionType::joined, PathTexts::remark);

    /** None, or a URL with a scheme and a host or what stands in its place; never one with a password. */
    public static final OptionType<Optional<URI>> URL = new OptionType<>(
            "URL",
            "URLs such as redis://host:6379",
            UrlTexts::url,
            url -> url.map(URI::toString).orElse(""),
            UrlTexts::remark);

    private final String name;
    private final String allowed;
    private final Function<String, Optional<T>> reader;
    private final Function<T, String> printer;
    private final Function<String, Optional<String>> remark;

    /**
     * The path of a text as people write it: {@code ~/} at its start is the home of the user.
     *
     * @throws java.nio.file.InvalidPathException when it is none
     */
    public static Path path(String text) {
        return PathTexts.path(text);
    }

    private OptionType(
            String name,
            String allowed,
            Function<String, Optional<T>> reader,
            Function<T, String> printer,
            Function<String, Optional<String>> remark) {
        this.name = name;
        this.allowed = allowed;
        this.reader = reader;
        this.printer = printer;
        this.remark = remark;
    }

    /**
     * A type of its own.
     *
     * @param name what the value is, in a word or two, with its unit
     * @param allowed which values there are, to follow "allowed are"
     * @param reader the value of a text without blanks around it; empty when the text is not allowed
     * @param printer the normal text of a value, which the reader takes
     */
    public static <T> OptionType<T> of(
            String name, String allowed, Function<String, Optional<T>> reader, Function<T, String> printer) {
        return new OptionType<>(name, allowed, reader, printer, _ -> Optional.empty());
    }

    /**
     * This type with more to say of some texts that are not allowed.
     *
     * @param sentence what to add about a text, without a full stop; empty for nothing
     */
    public OptionType<T> withRemark(Function<String, Optional<String>> sentence) {
        return new OptionType<>(name, allowed, reader, printer, sentence);
    }

    /** Whole numbers within bounds. Leading zeros are refused: YAML 1.1 takes them for an octal number, people do not. */
    public static OptionType<Integer> wholeNumber(int min, int max) {
        return of(
                "whole number",
                "whole numbers from " + min + " to " + max,
                text -> Optional.of(text)
                        .filter(WHOLE_NUMBER.asMatchPredicate())
                        .map(Long::parseLong)
                        .filter(value -> value >= min && value <= max)
                        .map(Long::intValue),
                String::valueOf);
    }

    /** A size of at least that many bytes; a bare number counts in GB. */
    public static OptionType<ByteSize> gigabytes(long minBytes) {
        return size(ByteSize.GIB, "GB", minBytes);
    }

    /** A size of at least that many bytes; a bare number counts in MB. */
    public static OptionType<ByteSize> megabytes(long minBytes) {
        return size(ByteSize.MIB, "MB", minBytes);
    }

    /** A size of at least that many bytes; a bare number counts in bytes. */
    public static OptionType<ByteSize> bytes(long minBytes) {
        return size(1, "bytes", minBytes);
    }

    private static OptionType<ByteSize> size(long bareUnit, String unitName, long minBytes) {
        String bound = minBytes == 0 ? "from 0" : minBytes == 1 ? "above 0" : "from " + new ByteSize(minBytes);
        return of(
                "size, " + unitName,
                "numbers of " + unitName + " " + bound + ", or a size with its unit such as 512 MiB",
                text -> ByteSize.parse(text, bareUnit)
                        .filter(size -> size.bytes() >= minBytes && size.bytes() <= MAX_BYTES),
                ByteSize::toString);
    }

    /** A time of whole seconds from none to the longest. */
    public static OptionType<Duration> wholeSeconds(int max) {
        OptionType<Integer> number = wholeNumber(0, max);
        return of(
                "seconds",
                number.allowed(),
                text -> number.parse(text).map(Duration::ofSeconds),
                OptionType::secondsText);
    }

    /** A time from the shortest to the longest; the text is a decimal number of seconds. */
    public static OptionType<Duration> seconds(Duration min, Duration max) {
        return of(
                "seconds",
                "seconds from " + secondsText(min) + " to " + secondsText(max),
                text -> durationOf(text).filter(value -> value.compareTo(min) >= 0 && value.compareTo(max) <= 0),
                OptionType::secondsText);
    }

    /** One of the constants, written in lower case, read in any. */
    public static <E extends Enum<E>> OptionType<E> choice(Class<E> constants) {
        List<E> all = List.of(constants.getEnumConstants());
        return of(
                "choice",
                all.stream().map(OptionType::wordOf).collect(Collectors.joining(", ")),
                text -> all.stream()
                        .filter(constant -> constant.name().equalsIgnoreCase(text))
                        .findFirst(),
                OptionType::wordOf);
    }

    /** What another type has, or {@code auto}, which is empty: whoever goes by the option decides. */
    public static <T> OptionType<Optional<T>> auto(OptionType<T> other) {
        return new OptionType<>(
                other.name,
                AUTO + ", " + other.allowed,
                text -> autoOr(text, other),
                value -> value.map(other.printer).orElse(AUTO),
                other.remark);
    }

    private static <T> Optional<Optional<T>> autoOr(String text, OptionType<T> other) {
        if (text.equalsIgnoreCase(AUTO)) {
            return Optional.of(Optional.empty());
        }
        Optional<T> value = other.parse(text);
        return value.isPresent() ? Optional.of(value) : Optional.empty();
    }

    String name() {
        return name;
    }

    String allowed() {
        return allowed;
    }

    /** The value of a text without blanks around it; empty when the text is not allowed. */
    public Optional<T> parse(String text) {
        return reader.apply(text);
    }

    /** The normal text of a value. */
    String print(T value) {
        return printer.apply(value);
    }

    /** What to say of a text that is not allowed. */
    String complaint(String text) {
        return "allowed are " + allowed
                + remark.apply(text).map(sentence -> "; " + sentence).orElse("");
    }

    private static Optional<Boolean> booleanOf(String text) {
        return Optional.ofNullable(BOOLEAN_WORDS.get(text.toLowerCase(Locale.ROOT)));
    }

    private static Optional<Duration> durationOf(String text) {
        OptionalLong nanos = Decimals.scaled(text, Duration.ofSeconds(1).toNanos());
        return nanos.isPresent() ? Optional.of(Duration.ofNanos(nanos.getAsLong())) : Optional.empty();
    }

    private static String secondsText(Duration duration) {
        return BigDecimal.valueOf(duration.toNanos(), 9).stripTrailingZeros().toPlainString();
    }

    /**
     * The entries of a comma separated text, without blanks around them and without empty ones. A comma behind a backslash
     * belongs to its entry.
     */
    public static List<String> entries(String text) {
        return Arrays.stream(SEPARATOR.split(text, -1))
                .map(String::strip)
                .filter(Predicate.not(String::isEmpty))
                .map(entry -> entry.replace("\\,", ","))
                .toList();
    }

    /** The text of which {@link #entries} makes these entries. */
    public static String joined(Collection<?> entries) {
        return entries.stream()
                .map(entry -> String.valueOf(entry).replace(",", "\\,"))
                .collect(Collectors.joining(","));
    }

    /** A setting's text as it may be shown: where a URL in it has a password, asterisks stand for that. */
    public static String withoutPassword(String text) {
        return UrlTexts.withoutPassword(text);
    }

    private static String wordOf(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public String toString() {
        return name;
    }
}
