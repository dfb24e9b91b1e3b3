package io.lmcache.chunkfiles.io;

import io.lmcache.reliability.Orders;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Test;

/** Threads that move one payload together: every piece once, and the end is told once, after the last. */
public final class PieceTransferLincheckTest {
    private static final int PIECES = 4;

    private final AtomicInteger moved = new AtomicInteger();
    private final AtomicInteger moving = new AtomicInteger();
    private final AtomicInteger ends = new AtomicInteger();
    private final AtomicInteger wrong = new AtomicInteger();
    private final PieceTransfer transfer =
            new PieceTransfer(PIECES * PieceTransfer.PIECE_BYTES, CountingMover::new, _ -> ended());

    private final class CountingMover implements PieceTransfer.Mover {
        private CountingMover() {
            moving.incrementAndGet();
        }

        @Override
        public int move(long start, long end) throws IOException {
            if (start == 2 * PieceTransfer.PIECE_BYTES) {
                throw new IOException("the third piece cannot be moved");
            }
            return moved.incrementAndGet();
        }

        @Override
        public void end(Consumer<Optional<Exception>> whenEnded) {
            moving.decrementAndGet();
            whenEnded.accept(Optional.empty());
        }
    }

    private void ended() {
        if (moving.get() != 0) {
            wrong.incrementAndGet();
        }
        ends.incrementAndGet();
    }

    /** A thread takes part; which pieces it gets is chance. */
    @Operation
    public void run() {
        transfer.run();
    }

    @Validate
    public void theEndIsToldOnceAndNothingMovesAfterIt() {
        boolean begun = moved.get() > 0 || ends.get() > 0;
        if (begun && (ends.get() != 1 || wrong.get() != 0 || moved.get() > PIECES - 1)) {
            throw new IllegalStateException(
                    ends + " ends, " + wrong + " of them too early, " + moved + " pieces moved of " + PIECES);
        }
    }

    @Test
    void everyOrderIsAsIfOneCallCameAfterTheOther() {
        Orders.check(getClass());
    }
}
