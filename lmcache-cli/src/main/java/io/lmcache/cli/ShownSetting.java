package io.lmcache.cli;

import io.lmcache.api.option.Option;
import io.lmcache.core.config.ConfigOptions;
import io.lmcache.core.config.ConfigOrigin;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.config.OptionTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A setting as {@code lmcache config} shows it.
 *
 * @param name its name, a plugin's with the plugin's before it
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
        config.remoteBackend().ifPresent(remote -> all.addAll(ofPlugin(remote, config)));
        config.value(ConfigOptions.STORAGE_PLUGINS).forEach(plugin -> all.addAll(ofPlugin(plugin, config)));
        return all;
    }

    private static List<ShownSetting> ofPlugin(String plugin, LmcacheConfig config) {
        Map<String, String> given = config.pluginSettings(plugin);
        Optional<List<Option<?>>> declared = config.options().ofBackend(plugin);
        return declared.isPresent()
                ? declared.get().stream()
                        // What is set at the top level is shown there.
                        .filter(option -> !config.options().all().contains(option) || given.containsKey(option.name()))
                        .map(option -> ofPlugin(plugin, option.name(), Optional.of(option), given, config))
                        .toList()
                : given.keySet().stream()
                        .map(name -> ofPlugin(plugin, name, Optional.empty(), given, config))
                        .toList();
    }

    private static ShownSetting ofPlugin(
            String plugin, String name, Optional<Option<?>> option, Map<String, String> given, LmcacheConfig config) {
        boolean isGiven = given.containsKey(name);
        return new ShownSetting(
                plugin + "." + name,
                isGiven
                        ? given.getOrDefault(name, "")
                        : option.map(Option::defaultText).orElse(""),
                isGiven ? config.pluginOrigin(plugin, name) : new ConfigOrigin.Default(),
                option,
                List.of(plugin),
                Optional.empty());
    }
}
