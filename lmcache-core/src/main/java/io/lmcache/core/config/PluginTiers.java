package io.lmcache.core.config;

import io.lmcache.api.option.Option;
import io.lmcache.api.option.SharedOptions;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * The tiers in {@code storage_plugins}: each has the name of its backend, or a name of its own and a setting
 * {@code kind} that names the backend. Does not change once it is made; thread-safe.
 */
final class PluginTiers {
    /** The names of the backends by those of the tiers. */
    private final Map<String, String> kinds;
    /** The tiers whose settings may say their kind. */
    private final Set<String> withKind;

    private PluginTiers(Map<String, String> kinds, Set<String> withKind) {
        this.kinds = kinds;
        this.withKind = withKind;
    }

    /**
     * Those that these sources name, strongest source first, and those that {@code local_disk} and {@code remote_url} make:
     * which names are known depends on them.
     */
    static PluginTiers in(List<List<Given>> sources, OptionTable options) {
        List<String> names = given(ConfigOptions.STORAGE_PLUGINS, sources).orElse(List.of());
        PluginTiers tiers = new PluginTiers(new LinkedHashMap<>(), Set.copyOf(names));
        names.forEach(name -> tiers.kinds.put(name, name));
        sources.reversed().forEach(source -> source.forEach(tiers::learnKind));
        given(ConfigOptions.LOCAL_DISK, sources)
                .filter(paths -> !paths.isEmpty())
                .ifPresent(_ -> tiers.kinds.putIfAbsent(LocalDisk.TIER, LocalDisk.KIND));
        given(SharedOptions.REMOTE_URL, sources)
                .flatMap(Function.identity())
                .flatMap(options::backendFor)
                .ifPresent(backend -> tiers.kinds.putIfAbsent(backend, backend));
        return tiers;
    }

    private static <T> Optional<T> given(Option<T> option, List<List<Given>> sources) {
        return sources.stream()
                .flatMap(List::stream)
                .filter(given -> OptionTable.names(option).anyMatch(given.name()::equals))
                .findFirst()
                .flatMap(given -> SettingResolver.text(given.value()))
                .flatMap(option::parse);
    }

    /** A single one, of the backend of that name. */
    static PluginTiers of(String backend) {
        return new PluginTiers(Map.of(backend, backend), Set.of());
    }

    private void learnKind(Given given) {
        settingName(given.name()).ifPresent(name -> {
            String tier = name.split("\\.", 2)[0];
            kindIn(tier, name, given.value())
                    .flatMap(SettingResolver::text)
                    .ifPresent(kind -> kinds.put(tier, kind.strip()));
        });
    }

    /** What a setting of the tier says of its kind: all its settings as a map, or this one. */
    private static Optional<Object> kindIn(String tier, String name, Object value) {
        if (name.equals(tier)) {
            return value instanceof Map<?, ?> map
                    ? Optional.ofNullable(map.get(ConfigOptions.KIND.name()))
                    : Optional.empty();
        }
        return name.equals(tier + "." + ConfigOptions.KIND) ? Optional.of(value) : Optional.empty();
    }

    /**
     * The name with which a setting of one of them begins: the tier's in the spelling of {@code storage_plugins}, and what
     * follows it. Empty when the setting is of no such tier.
     */
    Optional<String> settingName(String given) {
        String plain = given.startsWith(Given.EXTRA_PREFIX) ? given.substring(Given.EXTRA_PREFIX.length()) : given;
        String[] parts = plain.split("\\.", 2);
        String tier = parts[0].replace('_', '-');
        return kinds.containsKey(tier)
                ? Optional.of(parts.length == 1 ? tier : tier + "." + parts[1])
                : Optional.empty();
    }

    Set<String> names() {
        return kinds.keySet();
    }

    /** The name of a tier's backend. */
    String kind(String tier) {
        return kinds.getOrDefault(tier, tier);
    }

    /** Whether a tier's setting says its kind, and so is none of its backend's. */
    boolean isKind(String tier, String setting) {
        return withKind.contains(tier) && setting.equals(ConfigOptions.KIND.name());
    }
}
