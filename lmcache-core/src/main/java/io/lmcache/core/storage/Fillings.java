package io.lmcache.core.storage;

import io.lmcache.api.engine.KvSource;
import io.lmcache.api.memory.BufferLease;
import java.util.ArrayDeque;
import java.util.Deque;

/** Chunks that a source is filling; each is handed on when its bytes are there, in their order. Not thread-safe. */
final class Fillings implements AutoCloseable {
    /** What becomes of a chunk: one of these is called, once. */
    interface Outcome {
        /** The bytes are there; the lease is closed when this returns. */
        void filled(BufferLease lease);

        /** They are not, or a chunk before has none. */
        void abandoned();
    }

    private record Filling(BufferLease lease, KvSource.Filling filling, Outcome outcome) {}

    private final int most;
    private final Deque<Filling> underway = new ArrayDeque<>();
    private boolean broken;

    /**
     * Nothing so far.
     *
     * @param most how many chunks may be on their way when {@link #settle} returns; 0 to wait for each
     */
    Fillings(int most) {
        this.most = most;
    }

    /** Takes over a chunk whose filling has begun. */
    void add(BufferLease lease, KvSource.Filling filling, Outcome outcome) {
        underway.add(new Filling(lease, filling, outcome));
    }

    /** Hands on all chunks but the last ones. */
    void settle() {
        while (underway.size() > most) {
            handOnOldest();
        }
    }

    /** Hands on all chunks. */
    void settleAll() {
        while (!underway.isEmpty()) {
            handOnOldest();
        }
    }

    private void handOnOldest() {
        Filling oldest = underway.remove();
        boolean handedOn = false;
        try (var _ = oldest.lease) {
            oldest.filling.await();
            if (!broken) {
                oldest.outcome.filled(oldest.lease);
                handedOn = true;
            }
        } finally {
            if (!handedOn) {
                broken = true;
                oldest.outcome.abandoned();
            }
        }
    }

    /** Waits for all chunks, hands on those before the first that fails, and throws the first failure. */
    @Override
    public void close() {
        Closing.drain(underway, this::handOnOldest);
    }
}
