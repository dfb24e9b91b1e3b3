package io.lmcache.api.engine;

import io.lmcache.api.memory.KvBuffer;

/** Where KV goes when a prompt is retrieved: an engine's way to take a chunk from the cache's memory. */
@FunctionalInterface
public interface KvSink extends KvEndpoint {
    /**
     * Takes the KV of the range out of the buffer, in the layout that the cache was opened with.
     *
     * <p>Called in prefix order without gaps, on the thread that called {@code retrieve}, for verified bytes only. The
     * buffer has exactly the bytes of the range and belongs to the cache: read only, valid until this method returns,
     * not after. An exception ends the retrieve and reaches its caller.
     *
     * @param range the tokens whose KV this is
     * @param source the bytes
     */
    void accept(TokenRange range, KvBuffer source);

    /** The end of what {@link #beginAccept} has begun. */
    @FunctionalInterface
    interface Taking {
        /** Waits until the buffer is not needed any more. An exception ends the retrieve and reaches its caller. */
        void await();
    }

    /**
     * As {@link #accept}, but may return while the buffer is still being read, by a GPU for instance. The buffer then is
     * valid until {@link Taking#await()} has returned, which is called once for each buffer, in their order, on the same
     * thread, also when the retrieve fails in between.
     */
    default Taking beginAccept(TokenRange range, KvBuffer source) {
        accept(range, source);
        return () -> {};
    }
}
