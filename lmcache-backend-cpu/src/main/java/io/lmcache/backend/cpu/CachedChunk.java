package io.lmcache.backend.cpu;

import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.StoredChunk;
import java.util.Optional;

/**
 * A chunk in the index, with the tier's own lease on its bytes.
 *
 * <p>Thread-safe. A chunk ends once, by {@link #retire()} or {@link #retireIfIdle()}; whoever is told true releases it.
 * There are as many of these as chunks, so fields count.
 */
final class CachedChunk {
    private static final int RETIRED = -1;

    private final ChunkMeta meta;
    private final BufferLease lease;
    // Guarded by this; RETIRED once the chunk has ended.
    private int pins;

    /** Takes over the lease. */
    CachedChunk(ChunkMeta meta, BufferLease lease) {
        this.meta = meta;
        this.lease = lease;
    }

    long byteSize() {
        return meta.byteSize();
    }

    /** The chunk with a lease for a reader; empty when it has ended. */
    synchronized Optional<StoredChunk> share() {
        return pins == RETIRED ? Optional.empty() : Optional.of(new StoredChunk(meta, lease.share()));
    }

    synchronized boolean tryPin() {
        if (pins == RETIRED) {
            return false;
        }
        pins++;
        return true;
    }

    /** Takes one pin back; of no effect on a chunk that has ended, by invalidation for instance. */
    synchronized void unpin() {
        if (pins != RETIRED) {
            pins--;
        }
    }

    /** Whether it is neither ended, nor pinned, nor leased to anyone. */
    synchronized boolean isIdle() {
        return pins == 0 && lease.isSole();
    }

    synchronized boolean retireIfIdle() {
        return isIdle() && retire();
    }

    synchronized boolean retire() {
        boolean first = pins != RETIRED;
        pins = RETIRED;
        return first;
    }

    /** Gives the tier's lease back. */
    void release() {
        lease.close();
    }
}
