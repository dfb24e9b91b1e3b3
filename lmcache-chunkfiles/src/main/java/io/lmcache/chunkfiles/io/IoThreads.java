package io.lmcache.chunkfiles.io;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.PriorityBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
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

        /** No thread or memory could be had for it: the task will not run. */
        void failed(Error cause);
    }

    /** What waits for a thread: tasks first, then offers; among equals what came first. */
    private final class Waiting implements Runnable, Comparable<Waiting> {
        private final Runnable work;
        private final boolean isOffer;
        private final long number;
        private final long since = System.nanoTime();
        private final AtomicBoolean taken = new AtomicBoolean();

        private Waiting(Runnable work, boolean isOffer, long number) {
            this.work = work;
            this.isOffer = isOffer;
            this.number = number;
        }

        /** Whether the caller is the one that runs it, or tells it that nobody will. */
        private boolean take() {
            boolean isMine = taken.compareAndSet(false, true);
            if (isMine && !isOffer) {
                begun.increment();
                waitNanos.add(System.nanoTime() - since);
            }
            return isMine;
        }

        @Override
        public int compareTo(Waiting other) {
            return isOffer == other.isOffer
                    ? Long.compare(number, other.number)
                    : Boolean.compare(isOffer, other.isOffer);
        }

        @Override
        public void run() {
            if (take()) {
                work.run();
            }
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
        this(
                threads,
                Thread.ofPlatform()
                        .daemon()
                        .name("lmcache-" + owner + "-" + name + "-", 0)
                        .factory());
    }

    IoThreads(int threads, ThreadFactory factory) {
        pool = new ThreadPoolExecutor(
                threads, threads, 0, TimeUnit.NANOSECONDS, new PriorityBlockingQueue<>(), factory);
    }

    /** The number of threads. */
    public int threads() {
        return pool.getCorePoolSize();
    }

    /** Runs the task when a thread is free. */
    public void submit(Task task) {
        Waiting waiting;
        try {
            waiting = new Waiting(task, false, arrivals.getAndIncrement());
        } catch (OutOfMemoryError e) {
            task.failed(e);
            return;
        }
        submitted.increment();
        try {
            pool.execute(waiting);
        } catch (RejectedExecutionException e) {
            if (waiting.take()) {
                task.rejected();
            }
        } catch (Error e) {
            // A new thread was refused. It may lie in the queue all the same, or not: whoever takes it is the one.
            if (waiting.take()) {
                pool.remove(waiting);
                task.failed(e);
            }
        }
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

            @Override
            public void failed(Error cause) {
                answer.completeExceptionally(cause);
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
        } catch (RejectedExecutionException | OutOfMemoryError e) {
            // Closing, or no further thread can be had: the work is done by the thread that offered it.
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
            if (waiting instanceof Waiting queuedWork && queuedWork.work instanceof Task task && queuedWork.take()) {
                task.rejected();
            }
        }
    }
}
