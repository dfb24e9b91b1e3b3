package io.lmcache.core.config;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The settings of one stack, checked, each with its origin. Immutable and thread-safe. */
public final class LmcacheConfig {
    private final Map<String, Setting> settings;
    private final List<String> warnings;

    LmcacheConfig(Map<String, Setting> settings, List<String> warnings) {
        this.settings = Map.copyOf(settings);
        this.warnings = List.copyOf(warnings);
    }

    /**
     * The configuration of this process: the file named by {@code LMCACHE_CONFIG_FILE}, and over it the environment.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_CONFIGURATION} and all problems
     */
    public static LmcacheConfig load() {
        return ConfigLoader.load(System.getenv(), Map.of());
    }

    /**
     * A configuration made in code alone: neither file nor environment have a say.
     *
     * @param settings values by option name, in the types and texts that {@link ConfigLoader#load} takes
     * @throws LmcacheException with {@link ErrorCode#INVALID_CONFIGURATION} and all problems
     */
    public static LmcacheConfig of(Map<String, ?> settings) {
        return ConfigLoader.load(Map.of(), settings);
    }

    /** The value of an option. */
    public <T> T value(ConfigOption<T> option) {
        Setting setting = settings.get(option.name());
        String text = setting == null ? option.defaultText() : setting.text();
        return option.parse(text).orElseThrow(() -> new IllegalStateException(option + " was not checked: " + text));
    }

    /** The value of an option as text, in the form that a configuration file takes; empty for none. */
    public <T> String text(ConfigOption<T> option) {
        return option.print(value(option));
    }

    /** Where the value of an option came from. */
    public ConfigOrigin origin(ConfigOption<?> option) {
        return Optional.ofNullable(settings.get(option.name()))
                .map(Setting::origin)
                .orElseGet(ConfigOrigin.Default::new);
    }

    /** The own settings of a backend in {@code storage_plugins}, by name; empty when it has none. */
    public Map<String, String> pluginSettings(String backend) {
        String prefix = backend + ".";
        Map<String, String> own = new TreeMap<>();
        settings.forEach((name, setting) -> {
            if (name.startsWith(prefix)) {
                own.put(name.substring(prefix.length()), setting.text());
            }
        });
        return own;
    }

    /**
     * Where a backend's own setting came from.
     *
     * @param setting a name in {@link #pluginSettings}
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when the backend has no such setting
     */
    public ConfigOrigin pluginOrigin(String backend, String setting) {
        Setting found = settings.get(backend + "." + setting);
        if (found == null) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT, "Backend '" + backend + "' has no setting '" + setting + "'");
        }
        return found.origin();
    }

    /** What was accepted but has no effect, such as unknown names; one sentence each. */
    public List<String> warnings() {
        return warnings;
    }
}
