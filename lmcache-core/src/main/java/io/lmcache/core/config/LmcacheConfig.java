package io.lmcache.core.config;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.SharedOptions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/** The settings of one stack, checked, each with its origin. Immutable and thread-safe. */
public final class LmcacheConfig {
    private final Map<String, Setting> settings;
    private final OptionTable options;
    private final PluginTiers plugins;
    private final List<String> warnings;

    LmcacheConfig(Map<String, Setting> settings, OptionTable options, PluginTiers plugins, List<String> warnings) {
        this.plugins = plugins;
        this.settings = Map.copyOf(settings);
        this.options = options;
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

    /** What can be set. */
    public OptionTable options() {
        return options;
    }

    /** The value of an option at the top level. */
    public <T> T value(Option<T> option) {
        Setting setting = settings.get(option.name());
        return setting == null
                ? option.defaultValue()
                : option.parse(setting.text())
                        .orElseThrow(() -> new IllegalStateException(option + " was not checked: " + setting.text()));
    }

    /** The value of an option at the top level as text, in the form that a configuration file takes; empty for none. */
    public <T> String text(Option<T> option) {
        return option.print(value(option));
    }

    /** The same of the option of that name; empty also when no backend on the class path declares it. */
    public String text(String name) {
        return options.named(name).map(this::text).orElse("");
    }

    /** What somebody set of a tier's options at the top level, by their names. */
    public Map<String, String> tierSettings(List<Option<?>> ofTier) {
        Map<String, String> given = new TreeMap<>();
        for (Option<?> option : ofTier) {
            Setting setting = settings.get(option.name());
            if (setting != null) {
                given.put(option.name(), setting.text());
            }
        }
        return given;
    }

    /** Where the value of an option came from. */
    public ConfigOrigin origin(Option<?> option) {
        return origin(option.name());
    }

    /** Where the value of the option of that name came from. */
    public ConfigOrigin origin(String name) {
        return Optional.ofNullable(settings.get(name)).map(Setting::origin).orElseGet(ConfigOrigin.Default::new);
    }

    /** The name of the backend of a tier in {@code storage_plugins}: its {@code kind}, else the tier's name. */
    public String pluginKind(String tier) {
        return plugins.kind(tier);
    }

    /** The tier that {@code local_disk} makes; empty when there is none. */
    public Optional<String> diskTier() {
        return LocalDisk.isIn(settings) ? Optional.of(LocalDisk.TIER) : Optional.empty();
    }

    /** The backend that serves {@code remote_url}; empty when that is not set. */
    public Optional<String> remoteBackend() {
        return value(SharedOptions.REMOTE_URL).flatMap(options::backendFor);
    }

    /** The settings of the backend that serves {@code remote_url}: its own, the URL and how chunks are written there. */
    public Map<String, String> remoteSettings(String backend) {
        Map<String, String> all = new TreeMap<>(pluginSettings(backend));
        all.putAll(tierSettings(List.of(SharedOptions.REMOTE_URL, SharedOptions.REMOTE_SERDE)));
        return all;
    }

    /** The own settings of a tier in {@code storage_plugins}, by name, without its kind; empty when it has none. */
    public Map<String, String> pluginSettings(String tier) {
        String prefix = tier + ".";
        Map<String, String> own = new TreeMap<>();
        settings.forEach((name, setting) -> {
            if (name.startsWith(prefix) && !plugins.isKind(tier, name.substring(prefix.length()))) {
                own.put(name.substring(prefix.length()), setting.text());
            }
        });
        return own;
    }

    /**
     * Where a tier's own setting came from.
     *
     * @param setting a name in {@link #pluginSettings}, or {@code kind}
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when the tier has no such setting
     */
    public ConfigOrigin pluginOrigin(String tier, String setting) {
        Setting found = settings.get(tier + "." + setting);
        if (found == null) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT, "Tier '" + tier + "' has no setting '" + setting + "'");
        }
        return found.origin();
    }

    /** What was accepted but has no effect, such as unknown names; one sentence each. */
    public List<String> warnings() {
        return warnings;
    }

    @Override
    public String toString() {
        return "LmcacheConfig" + new TreeSet<>(settings.keySet());
    }
}
