package io.lmcache.cli.replay;

/**
 * A tier without payload: which blocks are in it, and which of them gives way to a new one. A reference is a place in the
 * trace; references never go back. Used by one thread.
 */
interface CacheOrder {
    boolean contains(int block);

    /** A block that is in the tier was read from it. */
    void use(int block, int reference);

    /** A block that is in the tier was computed again, since one before it was not there. */
    default void recompute(int block, int reference) {}

    /** A block that is not in the tier comes to it; whether it stays, and what leaves, is up to the order. */
    void admit(int block, int reference);

    /** How many blocks have left, or were not taken, since the start. */
    long evictions();
}
