package io.lmcache.cli.demo;

import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;

/**
 * The dimensions of a {@link Transformer}. Immutable and thread-safe.
 *
 * @param layers the number of blocks of attention and feed-forward network
 * @param heads the number of query heads
 * @param kvHeads the number of key and value heads, a divisor of {@code heads}: each serves {@code heads / kvHeads}
 *     query heads
 * @param headSize the elements of one head, even
 * @param feedForwardWidth the width of the feed-forward network's hidden layer
 * @param context the most tokens that a prompt may have
 * @param seed what the weights are drawn from
 */
public record ModelConfig(
        int layers, int heads, int kvHeads, int headSize, int feedForwardWidth, int context, long seed) {
    /** Tokens are bytes. */
    static final int VOCABULARY = 256;

    /** 35 million weights: 2,000 tokens take seconds on two cores, and no download. */
    public static ModelConfig standard() {
        return new ModelConfig(12, 4, 2, 128, 1408, 4096, 42);
    }

    /** The width of the hidden state between layers. */
    int width() {
        return heads * headSize;
    }

    /** Keys and values of one token, as the cache sees them. */
    KvLayout kvLayout() {
        return KvLayout.kv(KvDtype.FLOAT, layers, kvHeads, headSize);
    }

    /** A model id that differs where the weights differ, so that no two models share chunks. */
    String modelId() {
        return "lmcache-demo-llama-" + layers + "x" + heads + "x" + headSize + "x" + feedForwardWidth + "-seed" + seed;
    }
}
