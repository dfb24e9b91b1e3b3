package io.lmcache.server;

import io.lmcache.api.engine.KvSource;

/**
 * Chunks of an engine's KV in memory of the server's own: what a store reads when the engine has its blocks back. A chunk is
 * given up as soon as it was read, and one that is not there cannot be. For one thread.
 */
interface StagedKv extends KvSource, AutoCloseable {
    /** The tokens that are there. */
    int tokens();

    /** The tokens that were wanted and that there was no room for. */
    int declinedTokens();

    /** Gives up what was not read. Waits for copies under way. */
    @Override
    void close();

    /** A chunk is not there: there was no room for it, or it was not missing when the others were taken. */
    final class NotStaged extends RuntimeException {
        private static final long serialVersionUID = 1L;

        NotStaged() {
            super("the chunk was not staged", null, false, false);
        }
    }
}
