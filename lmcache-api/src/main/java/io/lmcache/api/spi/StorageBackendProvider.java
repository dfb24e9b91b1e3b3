package io.lmcache.api.spi;

import io.lmcache.api.option.Option;
import java.util.List;

/**
 * Makes a storage backend. Found by {@link java.util.ServiceLoader}: declare it in {@code module-info} and, for the class
 * path, in {@code META-INF/services}.
 */
public interface StorageBackendProvider {
    /** The name that settings know the backend by; matches {@code [a-z][a-z0-9-]*} and is unique among providers. */
    String name();

    /**
     * What can be set for a backend of this kind, in the order of their documentation; empty for nothing. A setting of any
     * other name is refused before {@link #create} is called, and so is a value that its option does not allow.
     */
    List<Option<?>> options();

    /**
     * The schemes of the URLs that backends of this kind keep chunks at, in lower case; empty for none. A configuration whose
     * {@code remote_url} has one of them gets a tier of this kind, to which the URL comes as the setting
     * {@link io.lmcache.api.option.SharedOptions#REMOTE_URL}.
     */
    default List<String> schemes() {
        return List.of();
    }

    /**
     * A new backend.
     *
     * <p>The caller owns it and closes it. On an exception nothing stays behind.
     *
     * @param settings the backend's own settings
     * @param context what it may use of its surroundings
     * @throws io.lmcache.api.LmcacheException with {@link io.lmcache.api.ErrorCode#INVALID_CONFIGURATION} for bad
     *     settings, {@link io.lmcache.api.ErrorCode#START_FAILED} when it cannot work here
     */
    StorageBackend create(BackendSettings settings, BackendContext context);

    /**
     * What stands for and against a backend of these settings in this place, each fact with its remedy: for a person who
     * wonders whether it will work, and how fast. A problem among the findings means that {@link #create} would fail with
     * {@link io.lmcache.api.ErrorCode#START_FAILED}.
     *
     * <p>May take seconds, to try things out. Leaves nothing behind, in the storage neither. Without the settings that
     * name the storage it tells what can be told of the machine.
     *
     * @throws io.lmcache.api.LmcacheException with {@link io.lmcache.api.ErrorCode#INVALID_CONFIGURATION} for bad settings
     */
    default List<Finding> diagnose(BackendSettings settings, BackendContext context) {
        return List.of();
    }
}
