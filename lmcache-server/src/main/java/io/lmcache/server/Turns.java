package io.lmcache.server;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;

/**
 * Turns at work that keeps the cores busy: only so many are at it at a time, since more would only keep short calls from
 * running. Whichever client has the fewest at it is next. Thread-safe.
 */
final class Turns {
    private static final long LOOK_MILLIS = 50;

    private final int most;
    // Guarded by this, as is atWork: each client that is at work or waits.
    private final Map<Object, Line> lines = new LinkedHashMap<>();
    private int atWork;
    private final LongAdder waits = new LongAdder();
    private final LongAdder waitNanos = new LongAdder();

    private static final class Line {
        private final Deque<CountDownLatch> waiting = new ArrayDeque<>();
        private int atWork;
    }

    /** So many at a time. */
    Turns(int most) {
        this.most = most;
    }

    /**
     * Waits for a turn.
     *
     * @param isOver asked now and then whether it is still wanted
     * @return whether it is the caller's turn, who calls {@link #end} then
     */
    boolean begin(Object client, BooleanSupplier isOver) {
        long start = System.nanoTime();
        CountDownLatch turn = new CountDownLatch(1);
        synchronized (this) {
            lines.computeIfAbsent(client, _ -> new Line()).waiting.add(turn);
            grant();
        }
        try {
            while (!turn.await(LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
                if (isOver.getAsBoolean() && giveUp(client, turn)) {
                    return false;
                }
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return !giveUp(client, turn);
        } finally {
            waits.increment();
            waitNanos.add(System.nanoTime() - start);
        }
    }

    /** False when the turn came just now. */
    private synchronized boolean giveUp(Object client, CountDownLatch turn) {
        Line line = lines.get(client);
        if (line == null || !line.waiting.remove(turn)) {
            return false;
        }
        forgetIfIdle(client, line);
        return true;
    }

    synchronized void end(Object client) {
        Line line = lines.get(client);
        if (line == null) {
            throw new IllegalStateException("it was not this client's turn");
        }
        atWork--;
        line.atWork--;
        forgetIfIdle(client, line);
        grant();
    }

    private void forgetIfIdle(Object client, Line line) {
        if (line.atWork == 0 && line.waiting.isEmpty()) {
            lines.remove(client);
        }
    }

    private void grant() {
        while (atWork < most) {
            Line next = null;
            for (Line line : lines.values()) {
                if (!line.waiting.isEmpty() && (next == null || line.atWork < next.atWork)) {
                    next = line;
                }
            }
            if (next == null) {
                return;
            }
            atWork++;
            next.atWork++;
            next.waiting.remove().countDown();
        }
    }

    /** Those that wait for their turn now. */
    synchronized int waiting() {
        return lines.values().stream().mapToInt(line -> line.waiting.size()).sum();
    }

    /** How many have waited, if only for an instant. */
    long waits() {
        return waits.sum();
    }

    /** How long these waited, all together. */
    long waitNanos() {
        return waitNanos.sum();
    }
}
