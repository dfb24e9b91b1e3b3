package io.lmcache.server;

import io.lmcache.api.KeyScope;
import io.lmcache.server.protocol.Reason;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** The engines whose ranks are registered, in whichever sessions. Thread-safe. */
final class Engines {
    private final Sessions sessions;

    Engines(Sessions sessions) {
        this.sessions = sessions;
    }

    /** The scopes that a prompt is cached in: one for each rank, fewer where ranks hold the same. */
    Set<KeyScope> scopes(String engineId, Map<String, String> tags) {
        List<RegisteredCache> ranks = sessions.caches().stream()
                .filter(cache -> cache.engineId().equals(engineId))
                .toList();
        requireAll(engineId, ranks);
        return ranks.stream().map(rank -> rank.scope(tags)).collect(Collectors.toSet());
    }

    private static void requireAll(String engineId, List<RegisteredCache> ranks) {
        if (ranks.isEmpty()) {
            throw new Refusal(
                    Reason.UNKNOWN_ENGINE,
                    "No rank of engine '" + engineId + "' is registered; register its KV caches");
        }
        int worldSize = ranks.getFirst().worldSize();
        if (ranks.stream().anyMatch(rank -> rank.worldSize() != worldSize)) {
            throw Refusal.badArgument(
                    "The ranks of engine '%s' do not agree on their number; give each engine an id of its own",
                    engineId);
        }
        Set<Integer> present = new TreeSet<>();
        ranks.forEach(rank -> present.add(rank.rank()));
        if (present.size() < worldSize) {
            throw new Refusal(
                    Reason.RANKS_MISSING,
                    "Of the " + worldSize + " ranks of engine '" + engineId + "', only " + present + " are registered");
        }
    }
}
