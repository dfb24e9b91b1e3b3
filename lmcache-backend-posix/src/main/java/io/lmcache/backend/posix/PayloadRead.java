package io.lmcache.backend.posix;

import io.lmcache.backend.posix.directory.Crc32cCombine;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The reading of one payload, by as many threads as run it.
 *
 * <p>The payload is cut into pieces of 4 MiB, since one thread alone does not exhaust memory or drive. Each thread takes
 * the next piece until none is left; whoever finishes the last one closes the file and reports. Nobody waits for
 * another, and a thread that comes late finds nothing to do. Thread-safe.
 */
final class PayloadRead implements Runnable {
    private static final long PIECE_BYTES = 4 << 20;

    /** How the reading ended. */
    sealed interface End {}

    /** All bytes are there; whether they are right is for the receiver to judge. */
    record Complete(int crc) implements End {}

    /** Some bytes are not there. */
    record Failed(Exception cause) implements End {}

    private final OpenChunkFile file;
    private final MemorySegment payload;
    private final Consumer<End> whenEnded;
    // One for each piece, written by the thread that read it before it counts down unfinished.
    private final int[] crcs;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicInteger unfinished;
    private final AtomicReference<@Nullable Exception> failure = new AtomicReference<>();

    /**
     * Takes over the file.
     *
     * @param payload where the bytes go; stays allocated until {@code whenEnded} is called
     * @param whenEnded called once, on the thread that finished last
     */
    PayloadRead(OpenChunkFile file, MemorySegment payload, Consumer<End> whenEnded) {
        this.file = file;
        this.payload = payload;
        this.whenEnded = whenEnded;
        this.crcs = new int[Math.toIntExact(Math.ceilDiv(payload.byteSize(), PIECE_BYTES))];
        this.unfinished = new AtomicInteger(crcs.length);
    }

    int pieces() {
        return crcs.length;
    }

    @Override
    public void run() {
        for (int piece = next.getAndIncrement(); piece < crcs.length; piece = next.getAndIncrement()) {
            readOrNoteFailure(piece);
            if (unfinished.decrementAndGet() == 0) {
                whenEnded.accept(end());
            }
        }
    }

    private void readOrNoteFailure(int piece) {
        if (failure.get() != null) {
            return;
        }
        try {
            long start = piece * PIECE_BYTES;
            crcs[piece] = file.channels().read(payload, start, Math.min(start + PIECE_BYTES, payload.byteSize()));
        } catch (IOException | RuntimeException e) {
            failure.compareAndSet(null, e);
        }
    }

    private End end() {
        try {
            file.close();
        } catch (IOException e) {
            failure.compareAndSet(null, e);
        }
        Exception cause = failure.get();
        return cause == null ? new Complete(combinedCrc()) : new Failed(cause);
    }

    private int combinedCrc() {
        int crc = crcs[0];
        for (int piece = 1; piece < crcs.length; piece++) {
            long start = piece * PIECE_BYTES;
            crc = Crc32cCombine.concat(crc, crcs[piece], Math.min(PIECE_BYTES, payload.byteSize() - start));
        }
        return crc;
    }
}
