package io.lmcache.api.memory;

/**
 * The right to use a buffer of an allocator. The memory goes back when the last lease on it is closed.
 *
 * <p>Thread-safe. One thread may open a lease and another close it. Whoever holds a lease closes it exactly when the
 * bytes are no longer needed by anyone it answers for: an I/O operation in flight keeps a lease of its own.
 */
public interface BufferLease extends AutoCloseable {
    /**
     * The leased region. Not to be touched after {@link #close()}, when it may hold another chunk already.
     *
     * @throws io.lmcache.api.LmcacheException with {@link io.lmcache.api.ErrorCode#CLOSED} after {@link #close()}
     */
    KvBuffer buffer();

    /**
     * A further lease on the same bytes, for another holder; the two are closed independently.
     *
     * @throws io.lmcache.api.LmcacheException with {@link io.lmcache.api.ErrorCode#CLOSED} after {@link #close()}
     */
    BufferLease share();

    /** Whether no other lease on these bytes is open. A hint: another thread may be about to share or close one. */
    boolean isSole();

    /** Gives the right back. Idempotent. */
    @Override
    void close();
}
