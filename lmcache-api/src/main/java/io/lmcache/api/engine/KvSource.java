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

    /** The end of what {@link #beginFill} has begun. */
    @FunctionalInterface
    interface Filling {
        /**
         * Waits until the bytes are there. An exception ends the store and reaches its caller; the buffer is not written
         * any more then either.
         */
        void await();
    }

    /**
     * As {@link #fill}, but may return while the buffer is still being written, by a GPU for instance. The buffer then is
     * valid until {@link Filling#await()} has returned, which is called once for each buffer, in their order, on the same
     * thread, also when the store fails in between. The engine's memory is read until then.
     */
    default Filling beginFill(TokenRange range, KvBuffer destination) {
        fill(range, destination);
        return () -> {};
    }
}
