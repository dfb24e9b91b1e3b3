package io.lmcache.api.spi;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.MemoryDomain;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * One place where chunks are kept: a tier of a stack.
 *
 * <p>Rules for every implementation; {@code lmcache-testkit} has a test for each:
 *
 * <ul>
 *   <li>Thread-safe. Every method but {@link #clear()}, {@link #clear(String)} and {@link #close()} returns without waiting for I/O.
 *   <li>A get returns exactly the bytes of the last put of that key, or a miss. What cannot be verified is a miss.
 *   <li>A miss and a refusal are values. Trouble with the storage completes a future with an
 *       {@link java.io.IOException}; a wrong argument throws {@link io.lmcache.api.LmcacheException}.
 *   <li>A put that reported {@link PutOutcome.Stored} is visible to every later get, unless evicted.
 *   <li>After {@link #close()} gets are misses and puts are declined.
 * </ul>
 */
public interface StorageBackend extends AutoCloseable {
    /** The provider's name for this kind of backend. */
    String name();

    /** The facts about this backend; constant. */
    Set<BackendCapability> capabilities();

    /** The memory that chunks for this backend are best prepared in; the backend owns it. Always the same object. */
    BufferAllocator allocator();

    /** Memory of that domain that chunks for this backend can be prepared in; empty when it has none. */
    default Optional<BufferAllocator> allocator(MemoryDomain domain) {
        return Optional.of(allocator()).filter(allocator -> allocator.domain() == domain);
    }

    /**
     * How many keys, counted from the first, are here without a gap. A shared backend sees what other processes stored.
     *
     * <p>A hint: a chunk may be gone by the time it is asked for.
     */
    CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys);

    /**
     * As {@link #containsPrefix}, but never from memory where another process may have removed chunks since: what a store
     * goes by that would leave out what is there.
     */
    default CompletableFuture<Integer> confirmPrefix(List<ChunkKey> keys) {
        return containsPrefix(keys);
    }

    /**
     * The chunk of that key, or empty when there is none, it cannot be verified, or there is no memory for it.
     *
     * <p>Whoever receives the chunk owns its lease. Until the future completes, the backend owns what it has allocated,
     * also when the caller stops waiting; an abandoned result has to be closed by the caller when it arrives.
     *
     * @param key the chunk
     * @param allocator where to put the bytes; a backend that holds them in memory already may lease that memory instead
     */
    CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator);

    /**
     * Stores a chunk. Completes when it is visible to readers.
     *
     * <p>The caller keeps its lease and may close it as soon as this method has returned: the backend shares the lease
     * for as long as it needs the bytes. Nobody writes to the bytes from here on.
     *
     * <p>Whoever cancels the future does not wait any longer. A put that has not begun to move the bytes then gives its share
     * of the lease back and stores nothing; one that has begun keeps it until it is done. A backend that cannot tell takes
     * all of them for begun.
     *
     * @param key its name
     * @param meta what the bytes are
     * @param lease the bytes, exactly {@code meta.byteSize()}
     * @throws io.lmcache.api.LmcacheException with {@link io.lmcache.api.ErrorCode#LAYOUT_MISMATCH} when the lease has
     *     another size
     */
    CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease);

    /** Keeps a chunk from eviction by this instance until the pin is closed; empty when it is not known to be here. */
    Optional<ChunkPin> tryPin(ChunkKey key);

    /**
     * Removes a chunk if that is possible now; best effort. Readers that hold it are not disturbed.
     *
     * @return whether a chunk was removed
     */
    CompletableFuture<Boolean> tryInvalidate(ChunkKey key);

    /**
     * Removes every chunk of every model that is not pinned or leased by this instance, other processes' chunks in a shared
     * backend included. For administration: may take as long as there are chunks.
     *
     * @throws java.io.UncheckedIOException when the storage fails; some chunks may be removed then
     */
    void clear();

    /**
     * As {@link #clear()}, but only the chunks of that model, of all its ranks, layouts and tags.
     *
     * @param model the model's name, as in {@link io.lmcache.api.KeyScope#model()}
     * @throws java.io.UncheckedIOException when the storage fails; some chunks may be removed then
     */
    void clear(String model);

    /** What the backend holds and did. */
    BackendStats stats();

    /**
     * Ends the backend: finishes the puts it has accepted, within a bound, and gives all memory back. Idempotent. What
     * was reported as stored in a persistent backend stays.
     *
     * @throws io.lmcache.api.LmcacheException with {@link io.lmcache.api.ErrorCode#LEAK} when its memory is still
     *     leased; everything else is closed then
     */
    @Override
    void close();
}
