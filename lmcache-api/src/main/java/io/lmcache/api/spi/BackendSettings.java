package io.lmcache.api.spi;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A backend's settings, read through its options. Immutable and thread-safe.
 *
 * <p>A value that its option does not allow throws {@link LmcacheException} with
 * {@link ErrorCode#INVALID_CONFIGURATION}, naming the setting, the value and what is allowed.
 */
public final class BackendSettings {
    private final String backend;
    private final Map<String, String> values;

    private BackendSettings(String backend, Map<String, String> values) {
        this.backend = backend;
        this.values = Map.copyOf(values);
    }

    /** The settings of the backend of that name: texts by the names of its options. */
    public static BackendSettings of(String backend, Map<String, String> values) {
        return new BackendSettings(backend, values);
    }

    /** The value of an option: what was set, else its default. */
    public <T> T value(Option<T> option) {
        return given(option).orElseGet(option::defaultValue);
    }

    /** The value of an option that somebody set; empty when nobody did. */
    public <T> Optional<T> given(Option<T> option) {
        return option.ownNames().stream()
                .filter(values::containsKey)
                .findFirst()
                .map(name -> parsed(option, name));
    }

    private <T> T parsed(Option<T> option, String name) {
        String written = values.getOrDefault(name, "");
        String text = option.translated(name, written);
        return option.parse(text)
                .orElseThrow(() -> new LmcacheException(
                        ErrorCode.INVALID_CONFIGURATION,
                        "Backend '" + backend + "': setting '" + name + "' is '"
                                + OptionType.withoutPassword(written) + "', "
                                + option.problem(text).orElseThrow()));
    }

    /** The entries of an option without which the backend can do nothing: one at least. */
    public <T> List<T> required(Option<List<T>> option) {
        List<T> entries = value(option);
        if (entries.isEmpty()) {
            throw new LmcacheException(
                    ErrorCode.INVALID_CONFIGURATION, "Backend '" + backend + "' needs the setting '" + option + "'");
        }
        return entries;
    }

    @Override
    public String toString() {
        Map<String, String> shown = new TreeMap<>(values);
        shown.replaceAll((_, text) -> OptionType.withoutPassword(text));
        return backend + shown;
    }
}
