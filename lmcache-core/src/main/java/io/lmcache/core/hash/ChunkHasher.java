package io.lmcache.core.hash;

import io.lmcache.api.ChunkHash;
import java.nio.IntBuffer;
import java.util.List;

/**
 * Names the chunks of a prompt by chained hashes: the hash of a chunk depends on all tokens before it.
 *
 * <p>Thread-safe.
 */
@FunctionalInterface
public interface ChunkHasher {
    /**
     * The hashes of consecutive chunks, first chunk first.
     *
     * @param tokens the token ids from position to limit, each at least 0; position and limit are left as they are
     * @param chunkSize tokens a chunk; the last chunk has fewer when they do not divide the prompt
     * @throws io.lmcache.api.LmcacheException with {@link io.lmcache.api.ErrorCode#INVALID_ARGUMENT} for a negative id
     */
    List<ChunkHash> hash(IntBuffer tokens, int chunkSize);
}
