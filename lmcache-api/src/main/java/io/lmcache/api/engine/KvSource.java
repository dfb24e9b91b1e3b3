package io.lmcache.api.engine;

import io.lmcache.api.memory.KvBuffer;

/**
 * Where KV comes from when a prompt is stored: an engine's way to write a chunk of its KV cache into the cache's memory.
 */
@FunctionalInterface
public interface KvSource extends KvEndpoint {
    /**
     * Writes the KV of the range into the buffer, in the layout that the cache was opened with.
     *
     * <p>Called in prefix order, on the thread that called {@code store}. The buffer has exactly the bytes of the range
     * and belongs to the cache: valid until this method returns, not after. An exception ends the store and reaches its
     * caller; chunks filled before stay stored.
     *
     * @param range the tokens whose KV is wanted
     * @param destination where it goes; its content before is undefined
     */
    void fill(TokenRange range, KvBuffer destination);
}
