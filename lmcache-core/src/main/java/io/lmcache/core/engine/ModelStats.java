package io.lmcache.core.engine;

/**
 * What the caches of one model did since the stack was opened, all ranks, layouts and tags together.
 *
 * @param lookups how often it was asked for a prompt, by a lookup or a pin
 * @param lookedUpTokens tokens of all prompts that were looked up or pinned
 * @param foundTokens tokens of these that could have been retrieved
 * @param retrieves how often a prompt was retrieved
 * @param requestedTokens tokens of all prompts that were retrieved
 * @param hitTokens tokens of these that the engine had afterwards, those before its first wanted token included
 * @param stores how often a prompt was stored
 * @param storedTokens tokens that were handed to the tiers
 * @param declinedTokens tokens that were not stored because there was no memory for them
 */
public record ModelStats(
        long lookups,
        long lookedUpTokens,
        long foundTokens,
        long retrieves,
        long requestedTokens,
        long hitTokens,
        long stores,
        long storedTokens,
        long declinedTokens) {
    /** What no cache did anything for. */
    static final ModelStats NONE = new ModelStats(0, 0, 0, 0, 0, 0, 0, 0, 0);

    ModelStats plus(ModelStats other) {
        return new ModelStats(
                lookups + other.lookups,
                lookedUpTokens + other.lookedUpTokens,
                foundTokens + other.foundTokens,
                retrieves + other.retrieves,
                requestedTokens + other.requestedTokens,
                hitTokens + other.hitTokens,
                stores + other.stores,
                storedTokens + other.storedTokens,
                declinedTokens + other.declinedTokens);
    }
}
