package io.lmcache.core.config;

import io.lmcache.api.option.OptionType;
import io.lmcache.api.option.SharedOptions;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/** Finds out which backend a {@code remote_url} asks for, or says what there is. */
final class RemoteStores {
    /** What this project has, for those who do not have it on their class path. */
    private static final Map<String, String> ARTIFACTS = Map.of(
            "redis", "lmcache-backend-redis",
            "rediss", "lmcache-backend-redis",
            "redis-sentinel", "lmcache-backend-redis",
            "rediss-sentinel", "lmcache-backend-redis",
            "valkey", "lmcache-backend-redis",
            "valkeys", "lmcache-backend-redis",
            "s3", "lmcache-backend-s3");

    private RemoteStores() {}

    /** What is wrong with a URL that no one backend serves, as a sentence; empty when one does. */
    static Optional<String> objectionTo(URI url, ConfigOrigin origin, OptionTable options) {
        String scheme = url.getScheme().toLowerCase(Locale.ROOT);
        List<String> backends = options.schemes().getOrDefault(scheme, List.of());
        if (backends.size() == 1) {
            return Optional.empty();
        }
        String subject = SharedOptions.REMOTE_URL + " is '" + OptionType.withoutPassword(url.toString()) + "' ("
                + origin + "), but ";
        if (!backends.isEmpty()) {
            return Optional.of(subject + "several backends serve " + scheme + "://: " + String.join(" and ", backends)
                    + "; leave one of them on the class path");
        }
        String artifact = ARTIFACTS.get(scheme);
        return Optional.of(
                artifact != null
                        ? subject + "the backend for " + scheme + ":// is not on the class path; add " + artifact
                                + ", or the folder with its jars to LMCACHE_PLUGIN_PATH"
                        : subject + "there is no backend for " + scheme + "://; there are " + known(options));
    }

    private static String known(OptionTable options) {
        SortedMap<String, SortedSet<String>> schemesOf = new TreeMap<>();
        ARTIFACTS.forEach((scheme, artifact) ->
                schemesOf.computeIfAbsent(artifact, _ -> new TreeSet<>()).add(scheme + "://"));
        options.schemes().forEach((scheme, backends) -> {
            if (!ARTIFACTS.containsKey(scheme)) {
                backends.forEach(backend -> schemesOf
                        .computeIfAbsent("backend '" + backend + "'", _ -> new TreeSet<>())
                        .add(scheme + "://"));
            }
        });
        StringBuilder text = new StringBuilder();
        schemesOf.forEach((owner, schemes) -> text.append(text.isEmpty() ? "" : "; ")
                .append(String.join(", ", schemes))
                .append(" of ")
                .append(owner));
        return text.toString();
    }
}
