package io.lmcache.core.storage;

import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.spi.StoredChunk;
import java.util.ArrayDeque;
import java.util.Deque;

/** Chunks that a sink is taking; each is kept until the sink has it. Not thread-safe. */
final class Deliveries implements AutoCloseable {
    private record Delivery(StoredChunk chunk, KvSink.Taking taking) {}

    private final KvSink sink;
    private final int most;
    private final Deque<Delivery> underway = new ArrayDeque<>();

    /**
     * Nothing so far.
     *
     * @param most how many chunks may be kept when {@link #settle} returns; 0 to wait for each
     */
    Deliveries(KvSink sink, int most) {
        this.sink = sink;
        this.most = most;
    }

    /** Hands the chunk to the sink, and takes it over. */
    void begin(TokenRange range, StoredChunk chunk) {
        boolean begun = false;
        try {
            underway.add(
                    new Delivery(chunk, sink.beginAccept(range, chunk.lease().buffer())));
            begun = true;
        } finally {
            if (!begun) {
                chunk.close();
            }
        }
    }

    /** Waits until the sink has all chunks but the last ones. */
    void settle() {
        while (underway.size() > most) {
            awaitOldest();
        }
    }

    private void awaitOldest() {
        Delivery oldest = underway.remove();
        try (var _ = oldest.chunk) {
            oldest.taking.await();
        }
    }

    /** Waits until the sink has all chunks, also when it fails to take some; then throws its first failure. */
    @Override
    public void close() {
        Closing.drain(underway, this::awaitOldest);
    }
}
