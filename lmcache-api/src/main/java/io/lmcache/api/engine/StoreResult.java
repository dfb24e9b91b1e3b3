package io.lmcache.api.engine;

import java.util.SortedMap;
import java.util.concurrent.CompletableFuture;

/**
 * What a store did. The engine's memory may be reused.
 *
 * @param storedTokens tokens that were read from the engine and handed to the tiers
 * @param presentTokens tokens that were there, or that another call is storing right now
 * @param declinedTokens tokens that are not stored because there was no memory for them
 * @param published completes, never exceptionally, when the last tier is done: for each tier, how many tokens of the
 *     prompt it holds
 */
public record StoreResult(
        int storedTokens,
        int presentTokens,
        int declinedTokens,
        CompletableFuture<SortedMap<String, Integer>> published) {}
