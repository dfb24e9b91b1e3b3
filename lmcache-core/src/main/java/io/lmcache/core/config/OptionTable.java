package io.lmcache.core.config;

import io.lmcache.api.option.Option;
import io.lmcache.core.backend.BackendRegistry;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The options that there are: the stack's own, and those that the backends on the class path declare. Immutable and
 * thread-safe.
 *
 * <p>Those of the tiers that a stack has by itself are set at the top level of a configuration, those of a backend in
 * {@code storage_plugins} in a map under its name.
 */
public final class OptionTable {
    /** Starts the name of every environment variable of the library. */
    static final String ENVIRONMENT_PREFIX = "LMCACHE_";

    private static final String STACK = "stack";
    private static final List<String> OWN_TIERS = List.of("cpu", "posix", "gds");

    private final BackendRegistry backends;
    private final Map<Option<?>, List<String>> users = new LinkedHashMap<>();
    private final Map<String, Option<?>> byName = new LinkedHashMap<>();

    /** The options of the stack and of these backends. */
    public OptionTable(BackendRegistry backends) {
        this.backends = backends;
        ConfigOptions.all().forEach(option -> add(option, STACK));
        OWN_TIERS.forEach(tier -> ofBackend(tier).orElse(List.of()).forEach(option -> add(option, tier)));
    }

    private void add(Option<?> option, String user) {
        users.computeIfAbsent(option, _ -> new ArrayList<>()).add(user);
        names(option).forEach(name -> byName.put(name, option));
    }

    /** The backends whose options these are, those of the stack apart. */
    public BackendRegistry registry() {
        return backends;
    }

    /** The options at the top level of a configuration, in the order of their documentation. */
    public List<Option<?>> all() {
        return List.copyOf(users.keySet());
    }

    /** Who goes by an option of the top level: {@code stack}, or the names of tiers. */
    public List<String> users(Option<?> option) {
        return List.copyOf(users.getOrDefault(option, List.of()));
    }

    /** What a backend declares; empty when there is no backend of that name. */
    public Optional<List<Option<?>>> ofBackend(String backend) {
        return backends.options(backend);
    }

    /** The names of all backends. */
    Set<String> backends() {
        return backends.names();
    }

    /** Why there is no backend of that name to use; empty when there is one. */
    Optional<String> objectionTo(String backend) {
        return backends.objectionTo(backend);
    }

    /** The backend that keeps chunks at URLs like this; empty when there is none, or more than one. */
    Optional<String> backendFor(URI url) {
        List<String> names = backends.forScheme(url.getScheme());
        return names.size() == 1 ? Optional.of(names.getFirst()) : Optional.empty();
    }

    /** The schemes of all URLs that there is a backend for, each with the names of those. */
    Map<String, List<String>> schemes() {
        return backends.schemes();
    }

    /** The name of the environment variable that sets an option of the top level. */
    public static String environmentVariable(Option<?> option) {
        return ENVIRONMENT_PREFIX + option.name().toUpperCase(Locale.ROOT);
    }

    /** The option of that name or alias at the top level; empty when there is none. */
    Optional<Option<?>> named(String name) {
        return Optional.ofNullable(byName.get(name));
    }

    /** All names and aliases of an option at the top level. */
    static Stream<String> names(Option<?> option) {
        return Stream.concat(Stream.of(option.name()), option.aliases().stream());
    }

    @Override
    public String toString() {
        return "OptionTable" + byName.keySet();
    }
}
