package io.lmcache.core.storage;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.Option;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import java.util.List;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** The storage backend providers that can be used, by name. Immutable and thread-safe. */
public final class BackendRegistry {
    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9-]*");

    private final SortedMap<String, StorageBackendProvider> providers = new TreeMap<>();

    /**
     * A registry of these providers.
     *
     * @throws LmcacheException with {@link ErrorCode#UNKNOWN_BACKEND} for a malformed name or one that two providers have
     */
    public BackendRegistry(Iterable<StorageBackendProvider> candidates) {
        for (StorageBackendProvider candidate : candidates) {
            String name = candidate.name();
            if (!NAME.matcher(name).matches()) {
                throw new LmcacheException(
                        ErrorCode.UNKNOWN_BACKEND,
                        candidate.getClass().getName() + " calls its backend '" + name
                                + "'; names match [a-z][a-z0-9-]*");
            }
            StorageBackendProvider other = providers.putIfAbsent(name, candidate);
            if (other != null) {
                throw new LmcacheException(
                        ErrorCode.UNKNOWN_BACKEND,
                        "Two providers call their backend '" + name + "': "
                                + other.getClass().getName() + " and "
                                + candidate.getClass().getName() + "; remove one of them from the class path");
            }
        }
    }

    /**
     * The providers that {@link ServiceLoader} finds through the class loader of this thread.
     *
     * @throws LmcacheException with {@link ErrorCode#UNKNOWN_BACKEND} when one of them cannot be loaded
     */
    public static BackendRegistry discover() {
        try {
            return new BackendRegistry(ServiceLoader.load(StorageBackendProvider.class));
        } catch (ServiceConfigurationError e) {
            throw new LmcacheException(
                    ErrorCode.UNKNOWN_BACKEND,
                    "A storage backend on the class path is broken: " + e.getMessage() + "; remove or rebuild its jar",
                    e);
        }
    }

    /**
     * A new backend of that name. The caller owns it.
     *
     * @throws LmcacheException with {@link ErrorCode#UNKNOWN_BACKEND} when no provider has that name, or with what the
     *     provider throws
     */
    public StorageBackend create(String name, BackendSettings settings, BackendContext context) {
        try {
            return provider(name).create(settings, context);
        } catch (LmcacheException e) {
            throw e;
        } catch (RuntimeException | LinkageError e) {
            throw new LmcacheException(
                    ErrorCode.START_FAILED, "Backend '" + name + "' could not start, by a fault of its own: " + e, e);
        }
    }

    /**
     * What the provider of that name finds out about a backend of these settings.
     *
     * @throws LmcacheException with {@link ErrorCode#UNKNOWN_BACKEND} when no provider has that name, or with what the
     *     provider throws
     */
    public List<Finding> diagnose(String name, BackendSettings settings, BackendContext context) {
        return provider(name).diagnose(settings, context);
    }

    /** What can be set for a backend of that name; empty when no provider has it. */
    public Optional<List<Option<?>>> options(String name) {
        return Optional.ofNullable(providers.get(name)).map(StorageBackendProvider::options);
    }

    private StorageBackendProvider provider(String name) {
        StorageBackendProvider provider = providers.get(name);
        if (provider == null) {
            throw new LmcacheException(
                    ErrorCode.UNKNOWN_BACKEND,
                    "No storage backend is called '" + name + "'. Available: " + String.join(", ", providers.keySet())
                            + ". Put the jar of the backend on the class path, or correct 'storage_plugins'");
        }
        return provider;
    }
}
