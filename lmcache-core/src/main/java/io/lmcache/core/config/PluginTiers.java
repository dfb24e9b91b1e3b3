package io.lmcache.core.config;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The tiers in {@code storage_plugins}: each has the name of its backend, or a name of its own and a setting
 * {@code kind} that names the backend. Immutable and thread-safe.
 */
final class PluginTiers {
    private final Map<String, String> kinds;
    private final boolean mayHaveKinds;

    private PluginTiers(Map<String, String> kinds, boolean mayHaveKinds) {
        this.kinds = kinds;
        this.mayHaveKinds = mayHaveKinds;
    }

    /** Those that these sources name, strongest source first: which names are known depends on them. */
    static PluginTiers in(List<List<Given>> sources) {
        List<String> names = sources.stream()
                .flatMap(List::stream)
                .filter(given -> given.name().equals(ConfigOptions.STORAGE_PLUGINS.name()))
                .findFirst()
                .flatMap(given -> SettingResolver.text(given.value()))
                .flatMap(ConfigOptions.STORAGE_PLUGINS::parse)
                .orElse(List.of());
        Map<String, String> kinds = new LinkedHashMap<>();
        names.forEach(name -> kinds.put(name, name));
        PluginTiers tiers = new PluginTiers(kinds, true);
        sources.reversed().forEach(source -> source.forEach(tiers::learnKind));
        return tiers;
    }

    /** A single one, of the backend of that name. */
    static PluginTiers of(String backend) {
        return new PluginTiers(Map.of(backend, backend), false);
    }

    private void learnKind(Given given) {
        Optional<String> name = settingName(given.name());
        if (name.isEmpty()) {
            return;
        }
        Object value = kinds.containsKey(name.get()) && given.value() instanceof Map<?, ?> own
                ? own.get(ConfigOptions.KIND.name())
                : name.get().endsWith("." + ConfigOptions.KIND) ? given.value() : null;
        if (value != null) {
            String tier = name.get().split("\\.", 2)[0];
            SettingResolver.text(value).map(String::strip).ifPresent(kind -> kinds.put(tier, kind));
        }
    }

    /**
     * The name with which a setting of one of them begins: the tier's in the spelling of {@code storage_plugins}, and what
     * follows it. Empty when the setting is of no such tier.
     */
    Optional<String> settingName(String given) {
        String plain = given.startsWith(Given.EXTRA_PREFIX) ? given.substring(Given.EXTRA_PREFIX.length()) : given;
        String[] parts = plain.split("\\.", 2);
        String tier = parts[0].replace('_', '-');
        return kinds.containsKey(tier) ? Optional.of(parts.length == 1 ? tier : tier + "." + parts[1]) : Optional.empty();
    }

    Set<String> names() {
        return kinds.keySet();
    }

    /** The name of a tier's backend. */
    String kind(String tier) {
        return kinds.getOrDefault(tier, tier);
    }

    /** Whether a tier's setting says its kind, and so is none of its backend's. */
    boolean isKind(String setting) {
        return mayHaveKinds && setting.equals(ConfigOptions.KIND.name());
    }
}
