package io.lmcache.core.storage;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * What is under way in a stack: calls of the engine, and writes that go on after the call. Lets a store wait for a write
 * to give its buffer back, and a close wait for everything.
 *
 * <p>Thread-safe; nothing but counting happens under its lock.
 */
final class Activity {
    private int calls;
    private int writes;
    private long writesEnded;
    private boolean closed;

    /** A call from its beginning to {@link #close()}. */
    interface Call extends AutoCloseable {
        @Override
        void close();
    }

    /** Begins a call. */
    synchronized Call enter() {
        if (closed) {
            throw new LmcacheException(ErrorCode.CLOSED, "The cache is closed; open a new one");
        }
        calls++;
        return this::leave;
    }

    private synchronized void leave() {
        calls--;
        notifyAll();
    }

    synchronized void writeBegins() {
        writes++;
    }

    synchronized void writeEnded() {
        writes--;
        writesEnded++;
        notifyAll();
    }

    /** How many writes have ended so far; for {@link #awaitWriteAfter}. */
    synchronized long writesEnded() {
        return writesEnded;
    }

    /**
     * Waits until a write has ended since {@code seen} was read, or the time is up.
     *
     * @return whether it is worth trying again: a write has ended or is still under way
     */
    synchronized boolean awaitWriteAfter(long seen, Duration atMost) {
        await(() -> writesEnded != seen || writes == 0, atMost);
        return writesEnded != seen || writes > 0;
    }

    /** Refuses new calls from now on, and waits for those under way and their writes; false when time ran out. */
    synchronized boolean closeAndAwaitQuiet(Duration atMost) {
        closed = true;
        return await(() -> calls == 0 && writes == 0, atMost);
    }

    // Called with the lock held.
    private boolean await(BooleanSupplier condition, Duration atMost) {
        long deadline = System.nanoTime() + atMost.toNanos();
        while (!condition.getAsBoolean()) {
            long millis = Math.ceilDiv(deadline - System.nanoTime(), 1_000_000);
            if (millis <= 0) {
                return false;
            }
            try {
                wait(millis);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
        return true;
    }
}
