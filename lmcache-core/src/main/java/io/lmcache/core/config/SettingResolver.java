package io.lmcache.core.config;

import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** Finds out what the names in one source mean: options, settings of plugins, or nothing. */
final class SettingResolver {
    /** YAML can build a map that holds itself; no honest one is this deep. */
    private static final int MAX_DEPTH = 8;

    private final PluginTiers plugins;
    private final OptionTable options;
    private final Findings findings;

    SettingResolver(PluginTiers plugins, OptionTable options, Findings findings) {
        this.plugins = plugins;
        this.options = options;
        this.findings = findings;
    }

    /** The settings of one source: options by name, those of plugins by tier name, dot and setting name. */
    Map<String, Setting> resolve(List<Given> source) {
        Map<String, Setting> settings = new LinkedHashMap<>();
        source.forEach(given -> resolve(given, settings));
        return settings;
    }

    private void resolve(Given given, Map<String, Setting> settings) {
        if (options.named(given.name()).isPresent()) {
            findings.honoured(given);
            addOption(options.named(given.name()).get(), given, settings);
        } else if (plugins.settingName(given.name()).isPresent()) {
            addPluginSettings(plugins.settingName(given.name()).get(), given, settings, 0);
        } else {
            resolveNameOfLmcache(given, settings);
        }
    }

    private void resolveNameOfLmcache(Given given, Map<String, Setting> settings) {
        Optional<String> nameHere = LmcacheNames.nameHere(given.name());
        if (nameHere.filter(this::isKnown).isPresent()) {
            findings.renamed(given, nameHere.get());
            resolve(new Given(nameHere.get(), given.value(), given.origin()), settings);
        } else if (nameHere.isPresent()
                || LmcacheNames.isUnused(given.name())
                || LmcacheNames.isHonoured(given.name())) {
            // Also what is honoured by a backend that is not on the class path, or by a tier that is not configured.
            findings.unused(given);
        } else {
            warnUnknown(given);
        }
    }

    private boolean isKnown(String name) {
        return options.named(name).isPresent() || plugins.settingName(name).isPresent();
    }

    private void addOption(Option<?> option, Given given, Map<String, Setting> settings) {
        Optional<String> text = text(given.value()).map(written -> option.translated(given.name(), written));
        if (text.isEmpty()) {
            findings.problem(given.name() + " is a map or a list of lists or maps (" + given.origin()
                    + "), allowed are " + option.allowed());
            return;
        }
        add(option.name(), text.get(), given, settings);
    }

    private void addPluginSettings(String name, Given given, Map<String, Setting> settings, int depth) {
        if (depth > MAX_DEPTH) {
            findings.problem(given.name() + " is nested deeper than " + MAX_DEPTH + " maps (" + given.origin() + ")");
        } else if (given.value() instanceof Map<?, ?> map) {
            for (Given entry : given.entries(map)) {
                String own = entry.name().substring(given.name().length());
                addPluginSettings(name + own, entry, settings, depth + 1);
            }
        } else if (plugins.names().contains(name)) {
            findings.problem(given.name() + " is no map (" + given.origin() + "), allowed is a map of the settings of"
                    + " tier " + name);
        } else {
            addPluginSetting(name, given, settings);
        }
    }

    private void addPluginSetting(String name, Given given, Map<String, Setting> settings) {
        Optional<String> text = text(given.value());
        if (text.isEmpty()) {
            findings.problem(given.name() + " is a list of lists or maps (" + given.origin()
                    + "), allowed are texts, numbers, lists of such, and maps");
            return;
        }
        int dot = name.indexOf('.');
        addOwn(name.substring(0, dot), name.substring(dot + 1), text.get(), given, settings);
    }

    /** Without the backend on the class path there are no options to compare with; starting it will fail anyway. */
    private void addOwn(String tier, String own, String text, Given given, Map<String, Setting> settings) {
        String backend = plugins.kind(tier);
        Optional<List<Option<?>>> declared = options.ofBackend(backend);
        if (declared.isEmpty() || plugins.isKind(tier, own)) {
            add(tier + "." + own, text, given, settings);
            return;
        }
        declared.get().stream()
                .filter(option -> option.ownNames().contains(own))
                .findFirst()
                .ifPresentOrElse(
                        option -> add(tier + "." + option, option.translated(own, text), given, settings),
                        () -> findings.problem(given.name() + " (" + given.origin() + ") is no setting of backend '"
                                + backend + "'; " + remedy(own, declared.get())));
    }

    private static String remedy(String unknown, List<Option<?>> declared) {
        return KnownNames.nearest(unknown, declared)
                .map(near -> "did you mean " + near + "?")
                .orElseGet(() -> declared.isEmpty()
                        ? "it has none"
                        : "it has " + declared.stream().map(Option::name).collect(Collectors.joining(", ")));
    }

    private void add(String name, String text, Given given, Map<String, Setting> settings) {
        Setting earlier = settings.putIfAbsent(name, new Setting(text, given.name(), given.origin()));
        if (earlier != null && !earlier.text().equals(text)) {
            findings.problem("%s is '%s' (%s), but %s is '%s' (%s); they are the same setting: keep one"
                    .formatted(
                            earlier.writtenAs(), earlier.text(), earlier.origin(), given.name(), text, given.origin()));
        }
    }

    private void warnUnknown(Given given) {
        String sentence = "Unknown setting " + given.name() + " (" + given.origin() + ") has no effect";
        if (KnownNames.USE_EXPERIMENTAL.equals(given.name())) {
            findings.warning(
                    sentence + "; it is read from the environment only, as " + EnvironmentVariables.USE_EXPERIMENTAL);
            return;
        }
        Optional<String> nearest = KnownNames.nearest(given.name(), options, plugins.names());
        if (nearest.isPresent()) {
            findings.warning(sentence + "; did you mean " + nearest.get() + "?");
        } else if (given.value() instanceof Map) {
            findings.warning(sentence + "; if it is a backend, name it in " + ConfigOptions.STORAGE_PLUGINS);
        } else {
            findings.warning(sentence);
        }
    }

    /** A scalar, or the scalars of a list with commas between, where one in a path is none; empty for anything deeper. */
    static Optional<String> text(Object value) {
        return switch (value) {
            case Map<?, ?> map -> Optional.empty();
            case Collection<?> list ->
                list.stream().anyMatch(SettingResolver::isDeep)
                        ? Optional.empty()
                        : Optional.of(OptionType.joined(list));
            case Path path -> Optional.of(OptionType.joined(List.of(path)));
            default -> Optional.of(value.toString());
        };
    }

    private static boolean isDeep(Object value) {
        return value instanceof Map || value instanceof Collection;
    }
}
