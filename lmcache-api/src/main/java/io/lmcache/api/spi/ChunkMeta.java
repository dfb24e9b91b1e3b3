package io.lmcache.api.spi;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;

/**
 * What the bytes of a stored chunk are.
 *
 * @param layout the shape of the KV cache
 * @param tokens the number of tokens in the chunk, at least 1
 */
public record ChunkMeta(KvLayout layout, int tokens) {
    /** Checks the number of tokens. */
    public ChunkMeta {
        if (tokens < 1) {
            throw new LmcacheException(ErrorCode.INVALID_ARGUMENT, "A chunk has at least 1 token, not " + tokens);
        }
    }

    /** The length of the payload in bytes. */
    public long byteSize() {
        return layout.chunkBytes(tokens);
    }
}
