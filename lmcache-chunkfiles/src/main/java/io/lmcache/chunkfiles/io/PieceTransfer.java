package io.lmcache.chunkfiles.io;

import io.lmcache.api.crc.Crc32cCombine;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The reading or writing of one payload, by as many threads as run it.
 *
 * <p>The payload is cut into pieces of 4 MiB, since one thread alone does not exhaust memory or drive. Each thread takes
 * the next piece until none is left; whoever finishes the last one reports. Nobody waits for another, and a thread that
 * comes late finds nothing to do. Thread-safe.
 */
public final class PieceTransfer implements Runnable {
    /** The most bytes of a piece; each but the last has so many. */
    public static final long PIECE_BYTES = 4 << 20;

    /** Moves pieces for one thread. */
    @FunctionalInterface
    public interface Mover {
        /** Moves a range of the payload, or begins to; returns its CRC-32C. */
        int move(long start, long end) throws IOException;

        /**
         * Called once, after the last range or a failure.
         *
         * @param whenEnded to be called when nothing is moving any more, on any thread, with what kept something from
         *     arriving
         */
        default void end(Consumer<Optional<Exception>> whenEnded) {
            whenEnded.accept(Optional.empty());
        }
    }

    /** Makes a mover for a thread. */
    @FunctionalInterface
    public interface Movers {
        /** A mover for the calling thread, which ends it. */
        Mover open() throws IOException;
    }

    /** How the transfer ended. */
    public sealed interface End {}

    /** All bytes were moved; whether they are right is for the receiver to judge. */
    public record Complete(int crc) implements End {}

    /** Some bytes were not moved. */
    public record Failed(Throwable cause) implements End {}

    private final long bytes;
    private final Movers movers;
    private final Consumer<End> whenEnded;
    // One for each piece, written by the thread that moved it before it counts down unfinished.
    private final int[] crcs;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicInteger unfinished;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    /**
     * A transfer that has not begun.
     *
     * @param bytes the length of the payload, at least 1
     * @param movers the way; what it uses stays until {@code whenEnded} is called
     * @param whenEnded called once, on the thread that finished last or saw the last bytes arrive
     */
    public PieceTransfer(long bytes, Movers movers, Consumer<End> whenEnded) {
        this.bytes = bytes;
        this.movers = movers;
        this.whenEnded = whenEnded;
        this.crcs = new int[Math.toIntExact(Math.ceilDiv(bytes, PIECE_BYTES))];
        this.unfinished = new AtomicInteger(crcs.length);
    }

    /** Runs the transfer on this thread, and on others as they become idle. */
    public void runOn(IoThreads threads) {
        threads.offer(this, crcs.length - 1);
        run();
    }

    @Override
    public void run() {
        int first = next.getAndIncrement();
        if (first >= crcs.length) {
            return;
        }
        try {
            moveFrom(first, movers.open());
        } catch (IOException | RuntimeException | Error e) {
            failure.compareAndSet(null, e);
            finish(takeFrom(first));
        }
    }

    /** Moves pieces until none is left. */
    private void moveFrom(int first, Mover mover) {
        int piece = first;
        int moved = 0;
        try {
            for (; piece < crcs.length && failure.get() == null; piece = next.getAndIncrement()) {
                long start = piece * PIECE_BYTES;
                crcs[piece] = mover.move(start, Math.min(start + PIECE_BYTES, bytes));
                moved++;
            }
        } catch (IOException | RuntimeException | Error e) {
            failure.compareAndSet(null, e);
        }
        int taken = moved + takeFrom(piece);
        mover.end(lost -> {
            lost.ifPresent(cause -> failure.compareAndSet(null, cause));
            finish(taken);
        });
    }

    /** After a failure, takes what is left, to leave it alone; returns how many pieces that are. */
    private int takeFrom(int first) {
        int taken = 0;
        for (int piece = first; piece < crcs.length; piece = next.getAndIncrement()) {
            taken++;
        }
        return taken;
    }

    private void finish(int pieces) {
        if (unfinished.addAndGet(-pieces) == 0) {
            Throwable cause = failure.get();
            whenEnded.accept(cause == null ? new Complete(combinedCrc()) : new Failed(cause));
        }
    }

    private int combinedCrc() {
        int crc = crcs[0];
        for (int piece = 1; piece < crcs.length; piece++) {
            long start = piece * PIECE_BYTES;
            crc = Crc32cCombine.concat(crc, crcs[piece], Math.min(PIECE_BYTES, bytes - start));
        }
        return crc;
    }
}
