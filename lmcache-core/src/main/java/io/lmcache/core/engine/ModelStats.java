package io.lmcache.core.engine;

/**
 * What the caches of one model did, all ranks, layouts and tags together. All numbers are tokens since the stack was
 * opened.
 *
 * @param lookedUpTokens tokens of all prompts that were looked up or pinned
 * @param foundTokens tokens of these that could have been retrieved
 * @param requestedTokens tokens of all prompts that were retrieved
 * @param hitTokens tokens of these that the engine had afterwards, those before its first wanted token included
 * @param storedTokens tokens that were handed to the tiers
 */
public record ModelStats(
        long lookedUpTokens, long foundTokens, long requestedTokens, long hitTokens, long storedTokens) {
    /** What no cache did anything for. */
    static final ModelStats NONE = new ModelStats(0, 0, 0, 0, 0);

    ModelStats plus(ModelStats other) {
        return new ModelStats(
                lookedUpTokens + other.lookedUpTokens,
                foundTokens + other.foundTokens,
                requestedTokens + other.requestedTokens,
                hitTokens + other.hitTokens,
                storedTokens + other.storedTokens);
    }
}
