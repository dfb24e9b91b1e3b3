package io.lmcache.core.backend;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.Option;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The storage backend providers that can be used, by name. What is wrong with one of them concerns only those who ask
 * for a backend that it could have been. Immutable and thread-safe.
 */
public final class BackendRegistry {
    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9-]*");

    private final SortedMap<String, List<StorageBackendProvider>> providers = new TreeMap<>();
    private final List<String> unusable;

    /** A registry of these providers. */
    public BackendRegistry(Iterable<StorageBackendProvider> candidates) {
        this(candidates, List.of());
    }

    /**
     * A registry of these providers.
     *
     * @param unusable what is known of those that could not be loaded, one sentence each
     */
    BackendRegistry(Iterable<StorageBackendProvider> candidates, List<String> unusable) {
        this.unusable = new ArrayList<>(unusable);
        candidates.forEach(this::add);
    }

    private void add(StorageBackendProvider candidate) {
        String name = nameOf(candidate);
        if (name != null) {
            providers.computeIfAbsent(name, _ -> new ArrayList<>()).add(candidate);
        }
    }

    private @Nullable String nameOf(StorageBackendProvider candidate) {
        String provider = candidate.getClass().getName();
        try {
            String name = candidate.name();
            if (name != null && NAME.matcher(name).matches()) {
                return name;
            }
            unusable.add(provider + " calls its backend '" + name + "'; names match " + NAME);
        } catch (RuntimeException | LinkageError e) {
            unusable.add(provider + " does not tell the name of its backend: " + e);
        }
        return null;
    }

    /**
     * The providers that {@link java.util.ServiceLoader} finds through the class loader of this thread, and through the
     * library's own, which knows those that stand beside it where this thread knows none.
     */
    public static BackendRegistry discover() {
        ProviderSearch search = new ProviderSearch();
        search.through(Thread.currentThread().getContextClassLoader());
        search.through(BackendRegistry.class.getClassLoader());
        return new BackendRegistry(search.found(), search.failures());
    }

    /**
     * A new backend for a tier. The caller owns it.
     *
     * @param tier the tier's own name, which the backend then answers to
     * @param kind the name of the backend's provider
     * @throws LmcacheException with {@link ErrorCode#UNKNOWN_BACKEND} when no provider has that name or more than one,
     *     with {@link ErrorCode#START_FAILED} when the provider has a fault, or with what the provider throws
     */
    public StorageBackend create(String tier, String kind, BackendSettings settings, BackendContext context) {
        StorageBackend backend = create(kind, settings, context);
        return tier.equals(backend.name()) ? backend : new NamedBackend(tier, backend);
    }

    private StorageBackend create(String kind, BackendSettings settings, BackendContext context) {
        StorageBackendProvider provider = provider(kind);
        StorageBackend backend;
        try {
            backend = provider.create(settings, context);
        } catch (LmcacheException e) {
            throw e;
        } catch (RuntimeException | Error e) {
            throw faulty(kind, provider, "throws " + e, e);
        }
        if (backend == null) {
            throw faulty(kind, provider, "returns null", null);
        }
        return backend;
    }

    private static LmcacheException faulty(
            String kind, StorageBackendProvider provider, String fault, @Nullable Throwable cause) {
        return new LmcacheException(
                ErrorCode.START_FAILED,
                "Backend '" + kind + "' could not start, by a fault of its own: create() of "
                        + provider.getClass().getName() + " " + fault,
                cause);
    }

    /**
     * What the provider of that name finds out about a backend of these settings.
     *
     * @throws LmcacheException with {@link ErrorCode#UNKNOWN_BACKEND} when no provider has that name or more than one, or
     *     with what the provider throws
     */
    public List<Finding> diagnose(String kind, BackendSettings settings, BackendContext context) {
        return provider(kind).diagnose(settings, context);
    }

    /** What can be set for a backend of that name; empty when no provider has it, or more than one. */
    public Optional<List<Option<?>>> options(String kind) {
        List<StorageBackendProvider> named = named(kind);
        return named.size() == 1 ? Optional.of(named.getFirst().options()) : Optional.empty();
    }

    /** The names of the backends that keep chunks at URLs of that scheme. */
    public List<String> forScheme(String scheme) {
        return schemes().getOrDefault(scheme.toLowerCase(Locale.ROOT), List.of());
    }

    /** The schemes of all URLs that there is a backend for, each with the names of those. */
    public SortedMap<String, List<String>> schemes() {
        SortedMap<String, List<String>> schemes = new TreeMap<>();
        providers.forEach((name, named) -> named.stream()
                .flatMap(provider -> provider.schemes().stream())
                .distinct()
                .forEach(scheme ->
                        schemes.computeIfAbsent(scheme, _ -> new ArrayList<>()).add(name)));
        return schemes;
    }

    /** The names that providers have. */
    public Set<String> names() {
        return Collections.unmodifiableSet(providers.keySet());
    }

    /** Whether some provider has that name. */
    public boolean has(String kind) {
        return providers.containsKey(kind);
    }

    private StorageBackendProvider provider(String kind) {
        Optional<String> objection = objectionTo(kind);
        if (objection.isPresent()) {
            throw new LmcacheException(ErrorCode.UNKNOWN_BACKEND, objection.get());
        }
        return named(kind).getFirst();
    }

    private List<StorageBackendProvider> named(String kind) {
        return providers.getOrDefault(kind, List.of());
    }

    /** Why there is no backend of that name to use, and what to do about it; empty when there is one. */
    public Optional<String> objectionTo(String kind) {
        List<StorageBackendProvider> named = named(kind);
        return named.size() == 1
                ? Optional.empty()
                : Optional.of(named.isEmpty() ? unknown(kind) : ambiguous(kind, named));
    }

    private String unknown(String kind) {
        String message = "No storage backend is called '" + kind + "'. Available: "
                + (providers.isEmpty() ? "none" : String.join(", ", providers.keySet()))
                + ". Put the jar of the backend on the class path, or correct the name in 'storage_plugins' or in the tier's 'kind'";
        return unusable.isEmpty() ? message : message + ". Found, but not usable: " + String.join("; ", unusable);
    }

    private static String ambiguous(String kind, List<StorageBackendProvider> named) {
        return "Several providers call their backend '" + kind + "': "
                + named.stream().map(provider -> provider.getClass().getName()).collect(Collectors.joining(" and "))
                + "; leave one of them on the class path";
    }

    @Override
    public String toString() {
        return "BackendRegistry" + providers.keySet();
    }
}
