package io.lmcache.server;

import io.lmcache.api.engine.TokenRange;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/** An engine's paged KV cache as it is mapped into this process. Thread-safe. */
interface EngineMemory extends AutoCloseable {
    /**
     * The KV of one request. The caller closes it, from the thread that opened it.
     *
     * @param blockIds the blocks that hold the request's tokens, from its first on
     * @param wanted the tokens that may be written
     * @param event the number of the event that the engine's memory is not touched before; 0 for none
     * @param beforeWrite called before each piece is written; what it throws ends the transfer
     */
    RequestKv open(int[] blockIds, TokenRange wanted, int event, Runnable beforeWrite);

    /**
     * Copies chunks out of the way, so that the engine gets its blocks back before they are stored. Returns when the
     * engine's memory has been read. The caller closes the answer.
     *
     * @param blockIds the blocks that hold the request's tokens, from its first on
     * @param chunks tells which chunks are wanted, in order; it is asked when the event has come: the stores of earlier steps
     *     of the same prompt may be done by then
     * @param event the number of the event that the engine's memory is not read before; 0 for none
     * @return as many of the chunks as there is room for, from the first; empty where a store reads the blocks itself
     */
    Optional<StagedKv> stage(int[] blockIds, Supplier<List<TokenRange>> chunks, int event);

    /** How many requests can be open at a time; one more waits a bounded time. */
    int concurrentRequests();

    /** The bytes that are mapped. */
    long mappedBytes();

    /** The bytes of GPU memory that the server has taken for it. */
    long deviceBytes();

    /** Ends the mapping. Called once, when no request is open any more. */
    @Override
    void close();
}
