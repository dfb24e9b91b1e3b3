package io.lmcache.cuda.paged;

import io.lmcache.api.memory.KvBuffer;

/**
 * Where the tokens of one request stand in a paged KV cache.
 *
 * <p>The entries may lie in host memory, then they are checked and copied to the device when a request is opened, or in
 * device memory, then they are used where they lie and as they are: an entry out of range there lets a kernel touch
 * memory that is not the cache's.
 */
public sealed interface TokenSlots permits BlockTable, SlotMapping {
    /** The entries, in native byte order. */
    KvBuffer entries();

    /** The number of tokens that the entries reach for, given the slots of a block. */
    long tokens(int blockSize);

    /** The same entries, in memory that holds a copy of them. */
    TokenSlots at(KvBuffer copy);
}
