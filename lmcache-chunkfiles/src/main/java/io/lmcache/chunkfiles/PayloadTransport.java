package io.lmcache.chunkfiles;

import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.chunkfiles.directory.ChunkLocation;
import io.lmcache.chunkfiles.directory.NewChunkFile;
import io.lmcache.chunkfiles.io.PayloadRoute;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;

/**
 * The seam between chunk files and memory: how payload gets from files to the memory that a tier is for, and back.
 *
 * <p>Thread-safe. Belongs to the {@link ChunkFileBackend} that it is given to, which closes it.
 */
public interface PayloadTransport {
    /** Where chunks are prepared for a backend that has this transport, and where reads go by preference. */
    BufferAllocator allocator();

    /** The allocator of memory of that kind; empty for one that payload cannot be moved to and from. */
    Optional<BufferAllocator> allocator(MemoryDomain domain);

    /** Why payload cannot be moved from this memory, as a sentence; empty when it can. */
    Optional<String> objectionTo(KvBuffer memory);

    /**
     * Opens a chunk's file and checks its header. Empty when there is no file that passes.
     *
     * @param allocator where the payload will go, of memory that this transport {@linkplain #allocator(MemoryDomain) serves}
     */
    Optional<PayloadSource> open(ChunkLocation chunk, BufferAllocator allocator) throws IOException;

    /** The route for one write, from memory to which there is no {@linkplain #objectionTo objection}. */
    PayloadRoute open(NewChunkFile file, KvBuffer memory) throws IOException;

    /** Told that a write to the file failed; says whether the next route to it is another one. */
    default boolean hasOther(NewChunkFile file, Exception failure) {
        return false;
    }

    /**
     * How often a read asks {@link #allocator()} for room before it is a miss, since others will give some back soon; any other
     * allocator is asked once.
     */
    default AllocationRetries retries() {
        return AllocationRetries.NONE;
    }

    /** Keeps nothing open any longer of a chunk whose file was replaced, removed or found damaged. */
    default void forget(ChunkLocation chunk) {}

    /** Keeps no file open any longer. */
    default void forgetAll() {}

    /** What it counts itself. */
    Map<BackendCounter, Long> counters();

    /**
     * The backend is closing, and its threads have ended or not: waits for what still moves behind their backs, until
     * {@link System#nanoTime()} at most, and lets go of the memory of other tiers.
     *
     * @return whether nothing moves any more
     */
    default boolean awaitEnd(long deadlineNanos) {
        return true;
    }

    /**
     * Frees the memory of its allocators. Nothing moves any more. Idempotent.
     *
     * @throws io.lmcache.api.LmcacheException with {@link io.lmcache.api.ErrorCode#LEAK} when chunks are leased; then their
     *     memory stays until a later close
     */
    void close();
}
