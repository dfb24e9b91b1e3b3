package io.lmcache.server;

import io.lmcache.api.engine.TokenRange;

/** An engine's paged KV cache as it is mapped into this process. Thread-safe. */
interface EngineMemory extends AutoCloseable {
    /**
     * The KV of one request. The caller closes it, from the thread that opened it.
     *
     * @param blockIds the blocks that hold the request's tokens, from its first on
     * @param wanted the tokens that may be written
     */
    RequestKv open(int[] blockIds, TokenRange wanted);

    /** How many requests can be open at a time; one more waits a bounded time. */
    int concurrentRequests();

    /** The bytes that are mapped. */
    long mappedBytes();

    /** Ends the mapping. Called once, when no request is open any more. */
    @Override
    void close();
}
