package io.lmcache.core.config;

import io.lmcache.api.option.Option;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a configuration says of one tier, or of all those that are set at the top level. For one thread.
 *
 * @param prefix what the names of its settings begin with; nothing at the top level
 * @param options what can be set
 * @param settings all that is set
 */
record TierView(String prefix, List<Option<?>> options, Map<String, Setting> settings) {
    /** What somebody set; empty when nobody did, or when the tier has no such option. */
    Optional<Setting> setting(String option) {
        return option(option).map(found -> settings.get(prefix + found));
    }

    /** The normal text of the value of an option; empty when the tier does not have it, or when the value is not allowed. */
    Optional<String> text(String option) {
        return option(option).flatMap(found -> text(found, Optional.ofNullable(settings.get(prefix + found))));
    }

    private static <T> Optional<String> text(Option<T> option, Optional<Setting> setting) {
        return setting.isEmpty()
                ? Optional.of(option.print(option.defaultValue()))
                : option.parse(setting.get().text()).map(option::print);
    }

    /** The option of that name; empty when the tier does not have it. */
    Optional<Option<?>> option(String name) {
        return options.stream().filter(option -> option.name().equals(name)).findFirst();
    }

    /** Sets what nobody has set. */
    void setDefault(String option, String text) {
        option(option)
                .ifPresent(found -> settings.putIfAbsent(
                        prefix + found, new Setting(text, prefix + found, new ConfigOrigin.Default())));
    }

    /** The option's name, with the tier's before it. */
    String nameOf(String option) {
        return prefix + option;
    }
}
