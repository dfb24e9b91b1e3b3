package io.lmcache.core.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * A setting that can be made: its names, what it may be, and what it is when nobody sets it. Immutable and thread-safe.
 *
 * @param <T> the type of its value
 */
public final class ConfigOption<T> {
    /** Starts the name of every environment variable of the library. */
    static final String ENVIRONMENT_PREFIX = "LMCACHE_";

    private final String name;
    private final String defaultText;
    private final ValueType<T> type;
    private final String documentation;
    private final List<Alias> aliases;

    private ConfigOption(
            String name, String defaultText, ValueType<T> type, String documentation, List<Alias> aliases) {
        this.name = name;
        this.defaultText = defaultText;
        this.type = type;
        this.documentation = documentation;
        this.aliases = List.copyOf(aliases);
    }

    static <T> ConfigOption<T> of(String name, String defaultText, ValueType<T> type, String documentation) {
        return new ConfigOption<>(name, defaultText, type, documentation, List.of());
    }

    /** This option with one more name of the same meaning. */
    ConfigOption<T> withAlias(String alias) {
        return withAlias(alias, UnaryOperator.identity());
    }

    /** This option with one more name, under which the same is said in other words. */
    ConfigOption<T> withAlias(String alias, UnaryOperator<String> translation) {
        List<Alias> extended = new ArrayList<>(aliases);
        extended.add(new Alias(alias, translation));
        return new ConfigOption<>(name, defaultText, type, documentation, extended);
    }

    /** The name in a configuration file. */
    public String name() {
        return name;
    }

    /** Further names in a configuration file; those with a dot are entries of the map before the dot. */
    public List<String> aliases() {
        return aliases.stream().map(Alias::name).toList();
    }

    /** The name of the environment variable. */
    public String environmentVariable() {
        return ENVIRONMENT_PREFIX + name.toUpperCase(Locale.ROOT);
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

    /** What the option does, in a sentence or two. */
    public String documentation() {
        return documentation;
    }

    @Override
    public String toString() {
        return name;
    }

    /** The text under the main name that says what {@code text} says under {@code usedName}. */
    String translated(String usedName, String text) {
        return aliases.stream()
                .filter(alias -> alias.name().equals(usedName))
                .findFirst()
                .map(alias -> alias.translation().apply(text))
                .orElse(text);
    }

    /** The value of a text; empty when the text is not allowed. */
    Optional<T> parse(String text) {
        return type.reader().apply(text.strip());
    }

    /** The text that {@link #parse} reads as this value. */
    String print(T value) {
        return type.printer().apply(value);
    }

    private record Alias(String name, UnaryOperator<String> translation) {}
}
