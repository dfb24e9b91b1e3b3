package io.lmcache.chunkfiles.directory;

import io.lmcache.api.posix.Errno;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.Counters;
import io.lmcache.api.spi.RateLimitedLog;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the directory within its bounds, in the background: one thread that sweeps the roots at the start, from time to
 * time, and on request. Sweeping takes a twentieth of the time at most, unless puts wait for room.
 *
 * <p>Thread-safe. The lock is never held across I/O.
 */
final class Janitor {
    private static final Logger LOG = LoggerFactory.getLogger(Janitor.class);
    private static final Duration MIN_INTERVAL = Duration.ofMinutes(1);
    private static final Duration MIN_INTERVAL_OF_SHORT_LIVES = Duration.ofSeconds(1);
    private static final Duration MIN_PAUSE_WHEN_STUCK = Duration.ofSeconds(1);
    private static final int PAUSE_PER_SWEEP = 20;
    // How long room is waited for that a peer's janitor is making, and how often it is looked at.
    private static final Duration PEER_TIMEOUT = Duration.ofSeconds(5);
    private static final Duration PEER_POLL = Duration.ofMillis(5);

    private final List<RootSweep> sweeps;
    private final Duration minInterval;
    private final Counters counters;
    private final RateLimitedLog log = new RateLimitedLog(LOG::warn);
    private final ScheduledThreadPoolExecutor thread;
    private final Object lock = new Object();
    // Written under lock.
    private volatile boolean closed;
    // Used by the janitor's thread only: how long a sweep waited for peers.
    private long nanosWaited;
    // The fields below are guarded by lock.
    private @Nullable Request requested;
    private Request underway = new Request(false, new CompletableFuture<>());
    private long stuckUntilNanos;
    private Future<?> next = CompletableFuture.completedFuture(null);

    Janitor(List<ChunkRoot> roots, Duration timeToLive, ChunkRemoval removal, Counters counters, Clock clock) {
        this.sweeps = roots.stream()
                .map(root -> new RootSweep(root, timeToLive, removal, counters, clock, () -> closed))
                .toList();
        this.minInterval = minInterval(timeToLive);
        this.counters = counters;
        this.stuckUntilNanos = System.nanoTime();
        this.thread = new ScheduledThreadPoolExecutor(
                1, Thread.ofPlatform().daemon().name("lmcache-janitor").factory());
        this.thread.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        this.thread.setRemoveOnCancelPolicy(true);
    }

    private static Duration minInterval(Duration timeToLive) {
        Duration half = timeToLive.dividedBy(2);
        return timeToLive.isZero() || half.compareTo(MIN_INTERVAL) > 0
                ? MIN_INTERVAL
                : longer(half, MIN_INTERVAL_OF_SHORT_LIVES);
    }

    void start() {
        var _ = requestSweep();
    }

    /** A look over everything, or only for room; and who waits for it. */
    private record Request(boolean isForAll, CompletableFuture<Boolean> isRoomy) {}

    /**
     * Asks for a look over everything that begins from now on. Completes after it, normally in any case, with whether all
     * roots are within their bounds.
     */
    CompletableFuture<Boolean> requestSweep() {
        return request(true);
    }

    /**
     * Asks for room. Completes when it is there or cannot be made, normally in any case. Where the last request could not be
     * met, another is not worth its while for a moment, and the answer comes at once.
     */
    CompletableFuture<Boolean> requestRoom() {
        return request(false);
    }

    private CompletableFuture<Boolean> request(boolean isForAll) {
        synchronized (lock) {
            if (closed || System.nanoTime() - stuckUntilNanos < 0) {
                return CompletableFuture.completedFuture(false);
            }
            if (requested == null) {
                requested = new Request(isForAll, new CompletableFuture<>());
                thread.execute(this::sweepAll);
            } else if (isForAll) {
                requested = new Request(true, requested.isRoomy());
            }
            return requested.isRoomy();
        }
    }

    /** Notes that a chunk may be evicted that could not be before. */
    void retryWhenStuck() {
        sweeps.forEach(RootSweep::reconsider);
        synchronized (lock) {
            stuckUntilNanos = System.nanoTime();
        }
    }

    private void sweepAll() {
        Request request = takeRequest();
        boolean isRoomy = true;
        try {
            long start = System.nanoTime();
            nanosWaited = 0;
            for (RootSweep sweep : sweeps) {
                isRoomy &= sweepOrLog(sweep, request.isForAll());
            }
            long worked = System.nanoTime() - start - nanosWaited;
            Duration pause = Duration.ofNanos(worked).multipliedBy(PAUSE_PER_SWEEP);
            noteOutcome(pause, isRoomy, request.isForAll());
        } finally {
            request.isRoomy().complete(isRoomy);
        }
    }

    private Request takeRequest() {
        synchronized (lock) {
            Request request = requested;
            requested = null;
            underway = request == null ? new Request(false, new CompletableFuture<>()) : request;
            return underway;
        }
    }

    private void noteOutcome(Duration pause, boolean isRoomy, boolean wasForAll) {
        synchronized (lock) {
            if (closed) {
                return;
            }
            if (!isRoomy) {
                stuckUntilNanos =
                        System.nanoTime() + longer(pause, MIN_PAUSE_WHEN_STUCK).toNanos();
            }
            if (wasForAll) {
                next.cancel(false);
                next = thread.schedule(this::start, longer(pause, minInterval).toNanos(), TimeUnit.NANOSECONDS);
            }
        }
    }

    private static Duration longer(Duration a, Duration b) {
        return a.compareTo(b) > 0 ? a : b;
    }

    private boolean sweepOrLog(RootSweep sweep, boolean isForAll) {
        try {
            return sweep(sweep, isForAll);
        } catch (IOException | RuntimeException e) {
            counters.increment(BackendCounter.IO_ERRORS);
            log.warn(
                    "Chunk directory " + sweep.root()
                            + " could not be swept; its limits may not hold until that works again",
                    e);
            return false;
        }
    }

    /** One sweep; says whether the root is within its bounds. */
    private boolean sweep(RootSweep sweep, boolean isForAll) throws IOException {
        if (isReadOnly(sweep.root())) {
            return true;
        }
        if (!isForAll && sweep.isRoomy()) {
            return true;
        }
        Optional<FileChannel> atOnce = sweep.root().tryLockJanitor();
        if (atOnce.isEmpty() && !sweep.root().budget().isMeasured()) {
            // Before the wait for the right: puts wait for the count.
            sweep.measure();
        }
        try (FileChannel right = atOnce.isPresent() ? atOnce.get() : awaitRight(sweep)) {
            if (right == null) {
                if (!sweep.root().budget().isMeasured()
                        || !sweep.root().budget().isShared()) {
                    sweep.measure();
                }
                return sweep.isRoomy();
            }
            if (isForAll) {
                sweep.tidy();
            }
            return sweep.makeRoom();
        }
    }

    /** Whether nothing can be done there; tries to sign on again where this writer was lost. */
    private static boolean isReadOnly(ChunkRoot root) throws IOException {
        try {
            root.signOnIfLost();
            return false;
        } catch (IOException e) {
            if (Errno.EROFS.isCauseOf(e)) {
                return true;
            }
            throw e;
        }
    }

    /** The right to remove files; null where a peer has it, and has made room meanwhile or takes too long. */
    private @Nullable FileChannel awaitRight(RootSweep sweep) throws IOException {
        long start = System.nanoTime();
        Optional<FileChannel> right = sweep.root().tryLockJanitor();
        while (right.isEmpty() && !sweep.isRoomy() && !closed && System.nanoTime() - start < PEER_TIMEOUT.toNanos()) {
            LockSupport.parkNanos(PEER_POLL.toNanos());
            right = sweep.root().tryLockJanitor();
        }
        nanosWaited += System.nanoTime() - start;
        return right.orElse(null);
    }

    /** Removes every such chunk that is not pinned, on the calling thread. */
    void clear(ChunkDirectory.FileTest which) throws IOException {
        for (RootSweep sweep : sweeps) {
            sweep.clear(which);
        }
    }

    /** How many files {@link #clear} has looked at so far. */
    long cleared() {
        return sweeps.stream().mapToLong(RootSweep::cleared).sum();
    }

    /** Ends a sweep in progress at the next file, until {@link System#nanoTime()} at most. */
    void close(long deadlineNanos) {
        synchronized (lock) {
            closed = true;
        }
        thread.shutdown();
        try {
            if (!thread.awaitTermination(deadlineNanos - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                LOG.warn(
                        "The janitor of {} hangs in the file system and is left behind",
                        sweeps.stream().map(RootSweep::root).toList());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        // The shutdown may have dropped a sweep that somebody waits for, and one that hangs is waited for, too.
        synchronized (lock) {
            underway.isRoomy().complete(false);
        }
        takeRequest().isRoomy().complete(false);
    }
}
