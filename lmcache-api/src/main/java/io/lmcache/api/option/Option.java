package io.lmcache.api.option;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Something that can be set: its names, what it may be, and what it is when nobody sets it. Declared once, as a constant
 * of the code that goes by it. Immutable and thread-safe.
 *
 * @param <T> the type of its value
 */
public final class Option<T> {
    private final String name;
    private final String defaultText;
    private final @Nullable Supplier<T> defaultHere;
    private final OptionType<T> type;
    private final String documentation;
    private final List<Alias> aliases;

    private Option(
            String name,
            String defaultText,
            @Nullable Supplier<T> defaultHere,
            OptionType<T> type,
            String documentation,
            List<Alias> aliases) {
        this.name = name;
        this.defaultText = defaultText;
        this.defaultHere = defaultHere;
        this.type = type;
        this.documentation = documentation;
        this.aliases = List.copyOf(aliases);
    }

    /**
     * An option.
     *
     * @param name its name wherever it is set
     * @param defaultText the text of its value when nobody sets it; empty for none
     * @param type what its value may be
     * @param documentation what it does, in a sentence or two
     */
    public static <T> Option<T> of(String name, String defaultText, OptionType<T> type, String documentation) {
        return new Option<>(name, defaultText, null, type, documentation, List.of());
    }

    /** This option with one more name of the same meaning. */
    public Option<T> withAlias(String alias) {
        return withAlias(alias, UnaryOperator.identity());
    }

    /** This option with one more name, under which the same is said in other words. */
    public Option<T> withAlias(String alias, UnaryOperator<String> translation) {
        return with(new Alias(alias, translation, false));
    }

    /** This option with a name that it had before: code that used it still works, nobody else learns of it. */
    public Option<T> formerly(String formerName, UnaryOperator<String> translation) {
        return with(new Alias(formerName, translation, true));
    }

    private Option<T> with(Alias alias) {
        List<Alias> extended = new ArrayList<>(aliases);
        extended.add(alias);
        return new Option<>(name, defaultText, defaultHere, type, documentation, extended);
    }

    /** This option with a default that depends on the machine; the documents show the default text. */
    public Option<T> withDefaultHere(Supplier<T> value) {
        return new Option<>(name, defaultText, value, type, documentation, aliases);
    }

    /** The name. */
    public String name() {
        return name;
    }

    /** Further names in a configuration; those with a dot are entries of the map before the dot. */
    public List<String> aliases() {
        return aliases.stream()
                .filter(alias -> !alias.former())
                .map(Alias::name)
                .toList();
    }

    /** All names among a backend's own settings, the main one first. */
    public List<String> ownNames() {
        return Stream.concat(Stream.of(name), aliases.stream().map(Alias::name))
                .filter(own -> own.equals(name) || !own.contains("."))
                .toList();
    }

    /** What the value is, in a word or two. */
    public String type() {
        return type.name();
    }

    /** Which values are allowed, to follow "allowed are". */
    public String allowed() {
        return type.allowed();
    }

    /** The text of the value when nobody sets it; empty when there is none. */
    public String defaultText() {
        return defaultText;
    }

    /** The value when nobody sets it. */
    public T defaultValue() {
        return defaultHere != null
                ? defaultHere.get()
                : parse(defaultText)
                        .orElseThrow(() -> new IllegalStateException(name + " cannot have its default: "
                                + problem(defaultText).orElse("")));
    }

    /** What the option does, in a sentence or two. */
    public String documentation() {
        return documentation;
    }

    /** The text under the main name that says what {@code text} says under {@code usedName}. */
    public String translated(String usedName, String text) {
        return aliases.stream()
                .filter(alias -> alias.name().equals(usedName))
                .findFirst()
                .map(alias -> alias.translation().apply(text))
                .orElse(text);
    }

    /** The value of a text; empty when the text is not allowed. */
    public Optional<T> parse(String text) {
        return type.parse(text.strip());
    }

    /** What is wrong with a text, to follow "is 'text', "; empty when it is allowed. */
    public Optional<String> problem(String text) {
        return parse(text).isPresent() ? Optional.empty() : Optional.of(type.complaint(text.strip()));
    }

    /** The text that {@link #parse} reads as this value. */
    public String print(T value) {
        return type.print(value);
    }

    @Override
    public String toString() {
        return name;
    }

    private record Alias(String name, UnaryOperator<String> translation, boolean former) {}
}
