package io.lmcache.server;

import io.lmcache.server.protocol.Reason;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Counts the calls under way, so that a server that ends can refuse new ones and wait for these. Thread-safe. */
final class CallsInFlight {
    // Guarded by this, as is draining.
    private int calls;
    private boolean draining;

    synchronized void begin() {
        if (draining) {
            throw new Refusal(Reason.DRAINING, "The server is about to end; connect again after a while");
        }
        calls++;
    }

    synchronized void end() {
        calls--;
        notifyAll();
    }

    synchronized int count() {
        return calls;
    }

    synchronized boolean isIdle() {
        return calls == 0;
    }

    synchronized boolean isDraining() {
        return draining;
    }

    /** Refuses new calls from here on; false when it was so before. */
    synchronized boolean drain() {
        boolean first = !draining;
        draining = true;
        return first;
    }

    /** Waits until none is under way; false when the time is over before. */
    synchronized boolean awaitNone(Duration limit) throws InterruptedException {
        long end = System.nanoTime() + limit.toNanos();
        while (calls > 0) {
            long left = end - System.nanoTime();
            if (left <= 0) {
                return false;
            }
            TimeUnit.NANOSECONDS.timedWait(this, left);
        }
        return true;
    }
}
