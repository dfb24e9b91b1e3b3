package io.lmcache.core.storage;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.ForwardingBackend;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Bounds what the writes of a slow backend hold of the memory of the tier above it, to half. A backend that hangs would
 * else hold it all: what is in use there would be evicted, and nothing new could be stored.
 *
 * <p>Counts until the backend itself is done with the bytes, not until somebody stops waiting for it.
 */
final class WriteShareBackend extends ForwardingBackend {
    private final BufferAllocator memory;
    private final long mostBytes;
    private final AtomicLong bytes = new AtomicLong();

    WriteShareBackend(StorageBackend delegate, BufferAllocator memory) {
        super(delegate);
        this.memory = memory;
        this.mostBytes = memory.limitBytes() / 2;
    }

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        if (lease.buffer().domain() != memory.domain()) {
            return super.put(key, meta, lease);
        }
        long size = meta.byteSize();
        // One chunk may always be written, however large.
        if (bytes.getAndAdd(size) > Math.max(0, mostBytes - size)) {
            bytes.addAndGet(-size);
            return CompletableFuture.completedFuture(PutOutcome.declined(
                    DeclineReason.BUSY,
                    "chunks that wait to be written hold their share of '" + memory.name() + "', " + mostBytes
                            + " bytes"));
        }
        boolean begun = false;
        try {
            CompletableFuture<PutOutcome> outcome = super.put(key, meta, lease);
            begun = true;
            var _ = outcome.whenComplete((_, _) -> bytes.addAndGet(-size));
            return outcome;
        } finally {
            if (!begun) {
                bytes.addAndGet(-size);
            }
        }
    }
}
