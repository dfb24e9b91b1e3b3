package io.lmcache.demo;

import java.util.Arrays;
import java.util.SortedMap;
import java.util.stream.IntStream;

/**
 * What a run over a prompt gave.
 *
 * @param seconds from the prompt to the logits of the first new token
 * @param hitTokensByTier how many of the prompt's tokens came from the cache, by tier
 * @param logitBits the logits as {@link Float#floatToIntBits} gives them: equal only when equal bit for bit
 */
record FirstToken(double seconds, SortedMap<String, Integer> hitTokensByTier, int[] logitBits) {
    static FirstToken of(double seconds, SortedMap<String, Integer> hitTokensByTier, float[] logits) {
        int[] bits = IntStream.range(0, logits.length)
                .map(i -> Float.floatToIntBits(logits[i]))
                .toArray();
        return new FirstToken(seconds, hitTokensByTier, bits);
    }

    boolean hasLogitsOf(FirstToken other) {
        return Arrays.equals(logitBits, other.logitBits);
    }
}
