package io.lmcache.chunkfiles.directory;

import io.lmcache.api.spi.RateLimitedLog;
import io.lmcache.chunkfiles.directory.Counters.Event;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the directory within its bounds, in the background: one thread that sweeps the roots at the start, from time to
 * time, and on request. Sweeping takes a twentieth of the time at most, unless puts wait for room.
 *
 * <p>Thread-safe. The lock is never held across I/O.
 */
final class Janitor implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Janitor.class);
    private static final Duration MIN_INTERVAL = Duration.ofMinutes(1);
    private static final Duration MIN_PAUSE_WHEN_STUCK = Duration.ofSeconds(1);
    private static final int PAUSE_PER_SWEEP = 20;
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);

    private final List<ChunkRoot> roots;
    private final Duration timeToLive;
    private final ChunkRemoval removal;
    private final Counters counters;
    private final Clock clock;
    private final RateLimitedLog log = new RateLimitedLog(LOG::warn);
    private final ScheduledThreadPoolExecutor thread;
    private final Object lock = new Object();
    // Written under lock.
    private volatile boolean closed;
    // The fields below are guarded by lock.
    private @Nullable CompletableFuture<Void> requested;
    private long stuckUntilNanos;
    private Future<?> next = CompletableFuture.completedFuture(null);

    Janitor(List<ChunkRoot> roots, Duration timeToLive, ChunkRemoval removal, Counters counters, Clock clock) {
        this.roots = roots;
        this.timeToLive = timeToLive;
        this.removal = removal;
        this.counters = counters;
        this.clock = clock;
        this.stuckUntilNanos = System.nanoTime();
        this.thread = new ScheduledThreadPoolExecutor(
                1, Thread.ofPlatform().daemon().name("lmcache-janitor").factory());
        this.thread.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        this.thread.setRemoveOnCancelPolicy(true);
    }

    void start() {
        var _ = request();
    }

    /**
     * Asks for a sweep that begins from now on. Completes after it, normally in any case. Where the last one could not
     * make room, another is not worth its while for a moment, and the answer comes at once.
     */
    CompletableFuture<Void> request() {
        synchronized (lock) {
            if (closed || System.nanoTime() - stuckUntilNanos < 0) {
                return CompletableFuture.completedFuture(null);
            }
            if (requested == null) {
                requested = new CompletableFuture<>();
                thread.execute(this::sweepAll);
            }
            return requested;
        }
    }

    /** Notes that a chunk may be evicted that could not be before. */
    void retryWhenStuck() {
        synchronized (lock) {
            stuckUntilNanos = System.nanoTime();
        }
    }

    private void sweepAll() {
        CompletableFuture<Void> request = takeRequest();
        try {
            long start = System.nanoTime();
            boolean isRoomy = true;
            for (ChunkRoot root : roots) {
                isRoomy &= sweepOrLog(root);
            }
            scheduleNext(Duration.ofNanos(System.nanoTime() - start).multipliedBy(PAUSE_PER_SWEEP), isRoomy);
        } finally {
            request.complete(null);
        }
    }

    private CompletableFuture<Void> takeRequest() {
        synchronized (lock) {
            CompletableFuture<Void> request = requested;
            requested = null;
            return request == null ? new CompletableFuture<>() : request;
        }
    }

    private void scheduleNext(Duration pause, boolean isRoomy) {
        synchronized (lock) {
            if (closed) {
                return;
            }
            if (!isRoomy) {
                stuckUntilNanos =
                        System.nanoTime() + longer(pause, MIN_PAUSE_WHEN_STUCK).toNanos();
            }
            next.cancel(false);
            next = thread.schedule(this::start, longer(pause, MIN_INTERVAL).toNanos(), TimeUnit.NANOSECONDS);
        }
    }

    private static Duration longer(Duration a, Duration b) {
        return a.compareTo(b) > 0 ? a : b;
    }

    private boolean sweepOrLog(ChunkRoot root) {
        try {
            return sweep(root);
        } catch (IOException | RuntimeException e) {
            counters.increment(Event.IO_ERRORS);
            log.warn(
                    "Chunk directory " + root + " could not be swept; its limits may not hold until that works again",
                    e);
            return false;
        }
    }

    /** One sweep; says whether the root is within its bounds. */
    private boolean sweep(ChunkRoot root) throws IOException {
        RootSweep sweep = new RootSweep(root, removal, counters, clock.instant(), () -> closed);
        try (FileChannel right = root.tryLockJanitor().orElse(null)) {
            if (right == null) {
                sweep.measure();
                return false;
            }
            sweep.tidy(timeToLive);
            return sweep.makeRoom();
        }
    }

    /** Removes every chunk of the root that is not pinned, on the calling thread. */
    void clear(ChunkRoot root) throws IOException {
        new RootSweep(root, removal, counters, clock.instant(), () -> closed).clear();
    }

    /** Ends a sweep in progress at the next file. */
    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
        }
        thread.shutdown();
        try {
            if (!thread.awaitTermination(CLOSE_TIMEOUT.toSeconds(), TimeUnit.SECONDS)) {
                LOG.warn("The janitor of {} hangs in the file system and is left behind", roots);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        // The shutdown may have dropped a sweep that somebody waits for.
        takeRequest().complete(null);
    }
}
