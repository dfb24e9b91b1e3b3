package io.lmcache.core.config;

import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import java.util.Map;
import java.util.Optional;

/** The tier that LMCache's settings of an ordinary disk make: files, by way of host memory. */
final class LocalDisk {
    /** The tier's name; its further settings are a map under it. */
    static final String TIER = "disk";

    /** The name of its backend. */
    static final String KIND = "posix";

    private static final String PATHS = "gds_path";
    private static final String SIZE = "max_gds_size";

    private LocalDisk() {}

    /** Whether there is such a tier: as in LMCache, one that may hold nothing is none. */
    static boolean isIn(Map<String, Setting> settings) {
        boolean hasPath = value(ConfigOptions.LOCAL_DISK, settings)
                .filter(paths -> !paths.isEmpty())
                .isPresent();
        return hasPath
                && value(ConfigOptions.MAX_LOCAL_DISK_SIZE, settings)
                        .map(ByteSize::bytes)
                        .filter(bytes -> bytes > 0)
                        .isPresent();
    }

    /** Gives the tier its directories and its size, in the words of its backend. */
    static void configureIn(Map<String, Setting> settings) {
        if (isIn(settings)) {
            copy(ConfigOptions.LOCAL_DISK, PATHS, settings);
            copy(ConfigOptions.MAX_LOCAL_DISK_SIZE, SIZE, settings);
        }
    }

    private static void copy(Option<?> option, String own, Map<String, Setting> settings) {
        Setting given = settings.get(option.name());
        if (given != null) {
            settings.putIfAbsent(TIER + "." + own, given);
        }
    }

    private static <T> Optional<T> value(Option<T> option, Map<String, Setting> settings) {
        Setting setting = settings.get(option.name());
        return setting == null ? Optional.of(option.defaultValue()) : option.parse(setting.text());
    }
}
