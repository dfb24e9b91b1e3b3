package io.lmcache.cli.demo;

import java.util.SortedMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What a run over a prompt gave.
 *
 * @param seconds from the prompt to the logits of the first new token
 * @param hitTokensByTier how many of the prompt's tokens came from the cache, by tier
 * @param logitBits the bits of all logits, in hexadecimal: equal only where the logits are equal bit for bit
 */
record FirstToken(double seconds, SortedMap<String, Integer> hitTokensByTier, String logitBits) {
    static FirstToken of(double seconds, SortedMap<String, Integer> hitTokensByTier, float[] logits) {
        String bits = IntStream.range(0, logits.length)
                .mapToObj(i -> Integer.toHexString(Float.floatToRawIntBits(logits[i])))
                .collect(Collectors.joining(" "));
        return new FirstToken(seconds, hitTokensByTier, bits);
    }
}
