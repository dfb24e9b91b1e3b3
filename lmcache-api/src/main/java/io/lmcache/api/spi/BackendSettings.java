package io.lmcache.api.spi;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A backend's settings: texts by name, read as typed values. Immutable and thread-safe.
 *
 * <p>A value that cannot be read throws {@link LmcacheException} with {@link ErrorCode#INVALID_CONFIGURATION}, naming the
 * setting, the value and what is allowed.
 */
public final class BackendSettings {
    private final String backend;
    private final Map<String, String> values;

    private BackendSettings(String backend, Map<String, String> values) {
        this.backend = backend;
        this.values = Map.copyOf(values);
    }

    /** The settings of the backend of that name. */
    public static BackendSettings of(String backend, Map<String, String> values) {
        return new BackendSettings(backend, values);
    }

    /** The names that are set, sorted. */
    public Set<String> names() {
        return new TreeSet<>(values.keySet());
    }

    /** The text of a setting; empty when it is not set. */
    public Optional<String> text(String name) {
        return Optional.ofNullable(values.get(name));
    }

    /** The text of a setting that must be there. */
    public String requiredText(String name) {
        return text(name)
                .orElseThrow(() -> new LmcacheException(
                        ErrorCode.INVALID_CONFIGURATION, "Backend '" + backend + "' needs the setting '" + name + "'"));
    }

    /** A comma separated list, without blanks around its entries; empty when it is not set. */
    public List<String> list(String name) {
        List<String> entries = new ArrayList<>();
        for (String entry : text(name).orElse("").split(",", -1)) {
            if (!entry.isBlank()) {
                entries.add(entry.strip());
            }
        }
        return List.copyOf(entries);
    }

    /** {@code true} or {@code false} in any case; the default when it is not set. */
    public boolean bool(String name, boolean defaultValue) {
        String text = values.get(name);
        if (text == null) {
            return defaultValue;
        }
        return switch (text.strip().toLowerCase(Locale.ROOT)) {
            case "true" -> true;
            case "false" -> false;
            default -> throw invalid(name, text, "true or false");
        };
    }

    /** A whole number within bounds; the default when it is not set. */
    public long number(String name, long defaultValue, long min, long max) {
        String text = values.get(name);
        if (text == null) {
            return defaultValue;
        }
        try {
            long value = Long.parseLong(text.strip());
            if (value >= min && value <= max) {
                return value;
            }
        } catch (NumberFormatException e) {
            throw invalid(name, text, "whole numbers from " + min + " to " + max);
        }
        throw invalid(name, text, "whole numbers from " + min + " to " + max);
    }

    /** One of the constants, by name in any case; the default when it is not set. */
    public <E extends Enum<E>> E choice(String name, E defaultValue) {
        String text = values.get(name);
        if (text == null) {
            return defaultValue;
        }
        TreeMap<String, E> constants = new TreeMap<>();
        for (E constant : defaultValue.getDeclaringClass().getEnumConstants()) {
            constants.put(constant.name().toLowerCase(Locale.ROOT), constant);
        }
        E constant = constants.get(text.strip().toLowerCase(Locale.ROOT));
        if (constant == null) {
            throw invalid(name, text, String.join(", ", constants.keySet()));
        }
        return constant;
    }

    private LmcacheException invalid(String name, String value, String allowed) {
        return new LmcacheException(
                ErrorCode.INVALID_CONFIGURATION,
                "Backend '" + backend + "': setting '" + name + "' is '" + value + "', allowed are " + allowed);
    }

    @Override
    public String toString() {
        return backend + new TreeMap<>(values);
    }
}
