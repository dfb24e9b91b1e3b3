package io.lmcache.core.hash;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.engine.TokenRange;
import java.util.List;

/**
 * The chunks of a prompt, in prefix order.
 *
 * @param keys their names
 * @param chunkSize tokens in every chunk but the last, which may have fewer
 * @param tokens tokens in all chunks together
 */
public record PromptChunks(List<ChunkKey> keys, int chunkSize, int tokens) {
    /** The number of chunks. */
    public int count() {
        return keys.size();
    }

    /** The tokens of one chunk. */
    public TokenRange range(int index) {
        int start = index * chunkSize;
        return new TokenRange(start, Math.min(start + chunkSize, tokens));
    }

    /** The tokens in the first so many chunks together. */
    public int tokensIn(int chunks) {
        return Math.min(chunks * chunkSize, tokens);
    }
}
