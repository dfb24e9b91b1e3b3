package io.lmcache.server;

import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.KvBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Memory that chunks stay in between the engine's blocks and the tiers. Stores are served one after the other, in the order
 * of their asking, so that one that needs much is not overtaken for ever. Thread-safe.
 */
final class ChunkStaging {
    private final BufferAllocator memory;
    private final Semaphore turn = new Semaphore(1, true);
    // Guarded by this: the chunks that are leased now.
    private int leased;

    /**
     * Staging in a pool.
     *
     * @param memory is used for nothing else that is as long as a chunk
     */
    ChunkStaging(BufferAllocator memory) {
        this.memory = memory;
    }

    /** The pool. */
    BufferAllocator memory() {
        return memory;
    }

    /**
     * Room for as many of the chunks as there is, from the first; waits for room as long as others may make it.
     *
     * @param bytes the chunks' lengths
     * @param patience the longest wait, in all
     * @return what the caller closes
     */
    List<Room> lease(List<Long> bytes, Duration patience) {
        List<Room> mine = new ArrayList<>();
        long end = System.nanoTime() + patience.toNanos();
        boolean complete = false;
        try {
            if (turn.tryAcquire(patience.toNanos(), TimeUnit.NANOSECONDS)) {
                try {
                    leaseInto(mine, bytes, end);
                } finally {
                    turn.release();
                }
            }
            complete = true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            complete = true;
        } finally {
            if (!complete) {
                mine.forEach(Room::close);
            }
        }
        return mine;
    }

    private synchronized void leaseInto(List<Room> mine, List<Long> bytes, long end) throws InterruptedException {
        for (long length : bytes) {
            Optional<BufferLease> lease = memory.tryAllocate(length);
            while (lease.isEmpty() && leased > mine.size()) {
                long left = end - System.nanoTime();
                if (left <= 0) {
                    return;
                }
                TimeUnit.NANOSECONDS.timedWait(this, left);
                lease = memory.tryAllocate(length);
            }
            if (lease.isEmpty()) {
                return;
            }
            mine.add(new Room(lease.get()));
            leased++;
        }
    }

    private synchronized void gaveBack() {
        leased--;
        notifyAll();
    }

    /** Room for a chunk, until it is closed; closing again does nothing. */
    final class Room implements AutoCloseable {
        private final BufferLease lease;
        private final AtomicBoolean closed = new AtomicBoolean();

        private Room(BufferLease lease) {
            this.lease = lease;
        }

        KvBuffer buffer() {
            return lease.buffer();
        }

        @Override
        public void close() {
            if (closed.compareAndSet(false, true)) {
                lease.close();
                gaveBack();
            }
        }
    }
}
