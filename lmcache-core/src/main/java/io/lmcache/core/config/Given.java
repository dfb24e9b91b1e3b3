package io.lmcache.core.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A setting as someone gave it, before anyone knows what its name means.
 *
 * @param name the name, with a dot after {@code extra_config}
 * @param value a scalar, a list or a map
 * @param origin where it was given
 */
record Given(String name, Object value, ConfigOrigin origin) {
    /** The map of settings that have no name of their own at the top level, LMCache's and those of plugins. */
    static final String EXTRA_CONFIG = "extra_config";

    static final String EXTRA_PREFIX = EXTRA_CONFIG + ".";

    /** The settings in a map, those in its {@code extra_config} among them. A null means that nothing was given. */
    static List<Given> listOf(Map<?, ?> tree, ConfigOrigin origin, Findings findings) {
        List<Given> settings = new ArrayList<>();
        tree.forEach((key, value) -> {
            if (value == null) {
                return;
            }
            Given given = new Given(String.valueOf(key), value, origin);
            if (!given.name().equals(EXTRA_CONFIG)) {
                settings.add(given);
            } else if (value instanceof Map<?, ?> extra) {
                settings.addAll(given.entries(extra));
            } else {
                findings.problem(EXTRA_CONFIG + " is no map (" + origin + "), allowed is a map of settings");
            }
        });
        return settings;
    }

    /** The entries of a map that was given under this name, each under this name, a dot and its own. */
    List<Given> entries(Map<?, ?> map) {
        List<Given> entries = new ArrayList<>();
        map.forEach((key, value) -> {
            if (value != null) {
                entries.add(new Given(name + "." + key, value, origin));
            }
        });
        return entries;
    }
}
