package io.lmcache.cli;

import io.lmcache.api.option.Option;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.core.config.ConfigOptions;
import io.lmcache.core.config.ConfigOrigin;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.config.OptionTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A setting as {@code lmcache config} shows it.
 *
 * @param name its name, with that of the tier before it where the tier has settings of its own
 * @param value its value as a text
 * @param origin where the value came from
 * @param option what is declared of it; empty for a setting of a plugin that is not there
 * @param users who goes by it
 * @param environmentVariable what sets it, too
 */
record ShownSetting(
        String name,
        String value,
        ConfigOrigin origin,
        Optional<Option<?>> option,
        List<String> users,
        Optional<String> environmentVariable) {
    private static final List<Option<?>> REMOTE = List.of(SharedOptions.REMOTE_URL, SharedOptions.REMOTE_SERDE);

    /** All settings, those that nobody made among them. */
    static List<ShownSetting> all(LmcacheConfig config) {
        List<ShownSetting> all = new ArrayList<>();
        for (Option<?> option : config.options().all()) {
            all.add(new ShownSetting(
                    option.name(),
                    config.text(option),
                    config.origin(option),
                    Optional.of(option),
                    config.options().users(option),
                    Optional.of(OptionTable.environmentVariable(option))));
        }
        config.diskTier().ifPresent(disk -> all.addAll(ofTier(disk, config)));
        // Its URL is set at the top level, and shown there.
        config.remoteBackend()
                .map(remote -> ofTier(remote, config).stream())
                .orElse(Stream.of())
                .filter(setting -> setting.option().filter(REMOTE::contains).isEmpty())
                .forEach(all::add);
        config.value(ConfigOptions.STORAGE_PLUGINS).forEach(tier -> all.addAll(ofTier(tier, config)));
        return all;
    }

    private static List<ShownSetting> ofTier(String tier, LmcacheConfig config) {
        Map<String, String> given = config.pluginSettings(tier);
        List<ShownSetting> all = new ArrayList<>();
        if (!config.pluginKind(tier).equals(tier)) {
            all.add(new ShownSetting(
                    tier + "." + ConfigOptions.KIND,
                    config.pluginKind(tier),
                    config.pluginOrigin(tier, ConfigOptions.KIND.name()),
                    Optional.of(ConfigOptions.KIND),
                    List.of(tier),
                    Optional.empty()));
        }
        config.options()
                .ofBackend(config.pluginKind(tier))
                .ifPresentOrElse(
                        declared -> declared.forEach(
                                option -> all.add(ofTier(tier, option.name(), Optional.of(option), given, config))),
                        () -> given.keySet()
                                .forEach(name -> all.add(ofTier(tier, name, Optional.empty(), given, config))));
        return all;
    }

    private static ShownSetting ofTier(
            String tier, String name, Optional<Option<?>> option, Map<String, String> given, LmcacheConfig config) {
        boolean isGiven = given.containsKey(name);
        return new ShownSetting(
                tier + "." + name,
                isGiven
                        ? given.getOrDefault(name, "")
                        : option.map(Option::defaultText).orElse(""),
                isGiven ? config.pluginOrigin(tier, name) : new ConfigOrigin.Default(),
                option,
                List.of(tier),
                Optional.empty());
    }
}
