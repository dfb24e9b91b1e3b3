package io.lmcache.server;

import io.lmcache.api.engine.PinnedPrefix;
import java.time.Duration;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The prefixes that a session keeps from eviction, each for a bounded time. Thread-safe. */
final class Pins {
    /** Longer than a request waits between its lookup and its retrieve; a client that forgets costs no more. */
    static final Duration LIFETIME = Duration.ofMinutes(2);

    /** More than an engine has requests that wait for their KV. */
    static final int MAX = 4096;

    // Guarded by this, as is closed.
    private final Map<String, Pin> pins = new HashMap<>();
    private boolean closed;

    private record Pin(List<PinnedPrefix> prefixes, long since) {
        private void release() {
            prefixes.forEach(PinnedPrefix::close);
        }
    }

    /**
     * Takes over the prefixes, in place of those that had the id before.
     *
     * @return whether they are kept; otherwise they are released, because there are {@link #MAX} already or the session ends
     */
    boolean put(String id, List<PinnedPrefix> prefixes, long now) {
        Pin pin = new Pin(prefixes, now);
        Pin unused;
        boolean isTaken;
        synchronized (this) {
            isTaken = !closed && (pins.size() < MAX || pins.containsKey(id));
            unused = isTaken ? pins.put(id, pin) : pin;
        }
        release(unused);
        return isTaken;
    }

    void release(String id) {
        Pin pin;
        synchronized (this) {
            pin = pins.remove(id);
        }
        release(pin);
    }

    private static void release(@Nullable Pin pin) {
        if (pin != null) {
            pin.release();
        }
    }

    /** Releases those that are older than {@link #LIFETIME}. */
    synchronized void releaseExpired(long now) {
        for (Iterator<Pin> all = pins.values().iterator(); all.hasNext(); ) {
            Pin pin = all.next();
            if (now - pin.since >= LIFETIME.toNanos()) {
                all.remove();
                pin.release();
            }
        }
    }

    synchronized int count() {
        return pins.size();
    }

    /** Releases all, and whatever is put later. Idempotent. */
    synchronized void close() {
        closed = true;
        pins.values().forEach(Pin::release);
        pins.clear();
    }
}
