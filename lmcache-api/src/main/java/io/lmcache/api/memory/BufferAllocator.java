package io.lmcache.api.memory;

import java.util.Optional;

/**
 * A named, bounded pool of buffers.
 *
 * <p>Thread-safe; never waits. What {@link #usedBytes()} counts never exceeds {@link #limitBytes()}.
 */
public interface BufferAllocator {
    /** A name for messages and metrics. */
    String name();

    /** The memory that buffers of this pool lie in. */
    MemoryDomain domain();

    /** The most bytes that may be leased at one time. */
    long limitBytes();

    /** The bytes leased now, alignment included. */
    long usedBytes();

    /** The most bytes that were leased at one time so far. */
    long peakBytes();

    /** The one region that all buffers are cut from, the same for ever; empty when there is none such. */
    default Optional<KvBuffer> region() {
        return Optional.empty();
    }

    /**
     * A buffer of exactly so many bytes, aligned to 4096; its content is undefined. When the pool is full, what can be
     * given up is given up once and the allocation tried again; when it still does not fit, the answer is empty.
     *
     * <p>The caller owns the lease and closes it.
     *
     * @param bytes the length, at least 1
     */
    Optional<BufferLease> tryAllocate(long bytes);
}
