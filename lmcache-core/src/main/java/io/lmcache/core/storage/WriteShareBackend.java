package io.lmcache.core.storage;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.ForwardingBackend;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Bounds what the writes of a slow backend hold of the memory of the tier above it, to half. A backend that hangs would
 * else hold it all: what is in use there would be evicted, and nothing new could be stored.
 *
 * <p>Counts as long as the backend has the lease, however long somebody waits for it.
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
        Share held = new Share(size);
        try {
            return super.put(key, meta, new HeldLease(lease, held));
        } finally {
            // The caller's own lease stays the caller's; what the backend keeps, it has shared by now.
            held.leave();
        }
    }

    /** What one put holds; given back by the last who leaves. */
    private final class Share {
        private final long size;
        private final AtomicInteger holders = new AtomicInteger(1);

        private Share(long size) {
            this.size = size;
        }

        private void enter() {
            holders.incrementAndGet();
        }

        private void leave() {
            if (holders.decrementAndGet() == 0) {
                bytes.addAndGet(-size);
            }
        }
    }

    /** A lease whose further leases hold the share as well. */
    private final class HeldLease implements BufferLease {
        private final BufferLease lease;
        private final Share held;
        private final AtomicBoolean closed = new AtomicBoolean();

        private HeldLease(BufferLease lease, Share held) {
            this.lease = lease;
            this.held = held;
        }

        @Override
        public KvBuffer buffer() {
            return lease.buffer();
        }

        @Override
        public BufferLease share() {
            HeldLease further = new HeldLease(lease.share(), held);
            held.enter();
            return further;
        }

        @Override
        public boolean isSole() {
            return lease.isSole();
        }

        @Override
        public void close() {
            if (closed.compareAndSet(false, true)) {
                lease.close();
                held.leave();
            }
        }
    }
}
