package io.lmcache.core.engine;

import io.lmcache.api.spi.BackendStats;
import java.util.SortedMap;

/**
 * What a cache did since it was opened.
 *
 * @param requestedTokens tokens of all prompts that were retrieved
 * @param hitTokens tokens of these that came from the cache
 * @param storedTokens tokens that were handed to the tiers
 * @param tiers what each tier holds and did, by name
 */
public record StackStats(
        long requestedTokens, long hitTokens, long storedTokens, SortedMap<String, BackendStats> tiers) {}
