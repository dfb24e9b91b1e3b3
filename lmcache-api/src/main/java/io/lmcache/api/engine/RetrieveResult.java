package io.lmcache.api.engine;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a retrieve delivered.
 *
 * @param tokens the tokens of the prompt, counted from the first, whose KV the engine has now
 * @param tokensByTier the delivered tokens by the tier that served them; fewer than {@code tokens} in sum when the
 *     retrieve began in the middle
 */
public record RetrieveResult(int tokens, SortedMap<String, Integer> tokensByTier) {
    /** Copies the map. */
    public RetrieveResult {
        tokensByTier = Collections.unmodifiableSortedMap(new TreeMap<>(tokensByTier));
    }
}
