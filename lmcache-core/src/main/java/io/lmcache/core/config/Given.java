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

    /** The entries of a map, those of {@code extra_config} among them. A null means that nothing was given. */
    static List<Given> listOf(Map<?, ?> tree, ConfigOrigin origin, Findings findings) {
        List<Given> entries = new ArrayList<>();
        tree.forEach((key, value) -> {
            if (value == null) {
                return;
            }
            if (!EXTRA_CONFIG.equals(key)) {
                entries.add(new Given(String.valueOf(key), value, origin));
            } else if (value instanceof Map<?, ?> extra) {
                entries.addAll(extraConfig(extra, origin));
            } else {
                findings.problem(EXTRA_CONFIG + " is '" + value + "' (" + origin + "), allowed is a map of settings");
            }
        });
        return entries;
    }

    /** The entries of an {@code extra_config} map. */
    static List<Given> extraConfig(Map<?, ?> extra, ConfigOrigin origin) {
        List<Given> entries = new ArrayList<>();
        extra.forEach((key, value) -> {
            if (value != null) {
                entries.add(new Given(EXTRA_PREFIX + key, value, origin));
            }
        });
        return entries;
    }
}
