package io.lmcache.chunkfiles.io;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.PriorityBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * A fixed number of daemon threads for blocking I/O. Platform threads: a virtual one would hold its carrier during file
 * I/O anyway. Thread-safe.
 */
public final class IoThreads {
    /** Work that is run on an I/O thread, or told that it will not be. */
    public interface Task extends Runnable {
        /** The threads are closed or closing: the task will not run. */
        void rejected();
    }

    /** What waits for a thread: tasks first, then offers; among equals what came first. */
    private record Waiting(Runnable work, boolean isOffer, long number) implements Runnable, Comparable<Waiting> {
        @Override
        public int compareTo(Waiting other) {
            return isOffer == other.isOffer
                    ? Long.compare(number, other.number)
                    : Boolean.compare(isOffer, other.isOffer);
        }

        @Override
        public void run() {
            work.run();
        }
    }

    private final ThreadPoolExecutor pool;
    private final AtomicLong arrivals = new AtomicLong();
    private final LongAdder submitted = new LongAdder();
    private final LongAdder begun = new LongAdder();
    private final LongAdder waitNanos = new LongAdder();

    /**
     * So many threads.
     *
     * @param owner whose threads they are, for their names
     * @param name what they do, such as {@code read}
     */
    public IoThreads(String owner, String name, int threads) {
        pool = new ThreadPoolExecutor(
                threads,
                threads,
                0,
                TimeUnit.NANOSECONDS,
                new PriorityBlockingQueue<>(),
                Thread.ofPlatform()
                        .daemon()
                        .name("lmcache-" + owner + "-" + name + "-", 0)
                        .factory());
    }

    /** The number of threads. */
    public int threads() {
        return pool.getCorePoolSize();
    }

    /** Runs the task when a thread is free. */
    public void submit(Task task) {
        submitted.increment();
        try {
            pool.execute(new Waiting(timed(task), false, arrivals.getAndIncrement()));
        } catch (RejectedExecutionException e) {
            begun.increment();
            task.rejected();
        }
    }

    private Task timed(Task task) {
        long since = System.nanoTime();
        return new Task() {
            @Override
            public void run() {
                begun();
                task.run();
            }

            @Override
            public void rejected() {
                begun();
                task.rejected();
            }

            private void begun() {
                begun.increment();
                waitNanos.add(System.nanoTime() - since);
            }
        };
    }

    /** The tasks that wait for a thread now. */
    public long waiting() {
        // In this order: a task that begins in between must not make it negative.
        long before = begun.sum();
        return submitted.sum() - before;
    }

    /** The tasks that have waited for a thread. */
    public long waits() {
        return begun.sum();
    }

    /** How long these waited, all together. */
    public long waitNanos() {
        return waitNanos.sum();
    }

    /** Makes a call when a thread is free; when the threads are closed before, the answer is the other value. */
    public <T> CompletableFuture<T> call(Callable<T> call, T otherwise) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        submit(new Task() {
            @Override
            public void run() {
                try {
                    answer.complete(call.call());
                } catch (Exception | Error e) {
                    answer.completeExceptionally(e);
                }
            }

            @Override
            public void rejected() {
                answer.complete(otherwise);
            }
        });
        return answer;
    }

    /**
     * Runs the work on up to so many further threads too, as they become idle: the oldest offer is served first, so that
     * what began first ends first. The work may have been done when a thread comes to it.
     */
    public void offer(Runnable work, int threads) {
        try {
            for (int i = 0; i < Math.min(threads, threads() - 1); i++) {
                pool.execute(new Waiting(work, true, arrivals.getAndIncrement()));
            }
        } catch (RejectedExecutionException e) {
            // Closing: the work is done by the thread that offered it.
            return;
        }
    }

    /** Takes no more tasks; those that were submitted will still run. */
    public void shutdown() {
        pool.shutdown();
    }

    /**
     * Waits until all tasks are done, until {@link System#nanoTime()} at most; what has not begun by then is rejected.
     *
     * @return whether no thread is at work any more
     */
    public boolean awaitEnd(long deadlineNanos) {
        try {
            if (pool.awaitTermination(deadlineNanos - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                return true;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        rejectQueued();
        return pool.isTerminated();
    }

    // Not shutdownNow: its interrupts would close the files that others are reading.
    private void rejectQueued() {
        List<Runnable> queued = new ArrayList<>();
        pool.getQueue().drainTo(queued);
        for (Runnable waiting : queued) {
            if (waiting instanceof Waiting queuedWork && queuedWork.work() instanceof Task task) {
                task.rejected();
            }
        }
    }
}
