package io.lmcache.cli.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A fixed number of threads that share the rows of a batch. Thread-safe. */
final class Workers implements AutoCloseable {
    /** Enough rows to use a matrix while it is in the processor's cache, few enough to spread the load. */
    private static final int ROWS_PER_TASK = 16;

    private final ExecutorService threads;

    Workers(int threads) {
        this.threads = Executors.newFixedThreadPool(
                threads, Thread.ofPlatform().daemon().name("demo-model-", 0).factory());
    }

    /** As many threads as the machine has processors; the caller closes them. */
    static Workers ofThisMachine() {
        return new Workers(Runtime.getRuntime().availableProcessors());
    }

    /** Work on the rows from {@code start} to before {@code end}. */
    @FunctionalInterface
    interface RowTask {
        void run(int start, int end);
    }

    /** Runs the task for all rows, in blocks side by side, and returns when all are done. */
    void forEachBlock(int rows, RowTask task) {
        List<Callable<Boolean>> blocks = new ArrayList<>();
        for (int start = 0; start < rows; start += ROWS_PER_TASK) {
            int from = start;
            int to = Math.min(rows, start + ROWS_PER_TASK);
            blocks.add(() -> {
                task.run(from, to);
                return true;
            });
        }
        try {
            for (var block : threads.invokeAll(blocks)) {
                block.get();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("Interrupted while the model computed", e);
        } catch (ExecutionException e) {
            throw new IllegalStateException("The model failed: " + e.getCause(), e.getCause());
        }
    }

    @Override
    public void close() {
        threads.close();
    }
}
