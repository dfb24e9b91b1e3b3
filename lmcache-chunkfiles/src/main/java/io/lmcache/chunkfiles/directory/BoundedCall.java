package io.lmcache.chunkfiles.directory;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A call that may hang in the file system, on a daemon thread of its own: whoever makes it waits as long as it gets on, and
 * not for ever. A call that was given up goes on until the file system answers; what it returns then is disposed of.
 * Stateless and thread-safe.
 */
public final class BoundedCall {
    private BoundedCall() {}

    /** Something to do. */
    @FunctionalInterface
    public interface Work {
        /** Does it. */
        void run() throws Exception;
    }

    /**
     * Makes the call.
     *
     * @param thread the name of its thread
     * @param late takes what arrives after it was given up, on that thread
     * @throws TimeoutException when it takes longer
     * @throws IOException when the call throws it, or the waiting thread is interrupted
     */
    public static <T> T of(String thread, Duration atMost, Callable<T> call, Consumer<? super T> late)
            throws IOException, TimeoutException {
        return await(begin(thread, call, late), atMost, () -> 0);
    }

    /** Does the work; says whether it was done in time. */
    public static boolean inTime(String thread, Duration atMost, Work work) throws IOException {
        try {
            of(thread, atMost, done(work), _ -> {});
            return true;
        } catch (TimeoutException e) {
            return false;
        }
    }

    /**
     * Does the work, however long it takes, as long as the number changes.
     *
     * @throws TimeoutException when it has not changed for so long
     */
    public static void whileMoving(String thread, Duration still, LongSupplier progress, Work work)
            throws IOException, TimeoutException {
        await(begin(thread, done(work), _ -> {}), still, progress);
    }

    private static Callable<Boolean> done(Work work) {
        return () -> {
            work.run();
            return true;
        };
    }

    private static <T> CompletableFuture<T> begin(String thread, Callable<T> call, Consumer<? super T> late) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        Thread.ofPlatform().daemon().name(thread).start(() -> {
            try {
                T value = call.call();
                if (!answer.complete(value)) {
                    late.accept(value);
                }
            } catch (Exception | Error e) {
                answer.completeExceptionally(e);
            }
        });
        return answer;
    }

    private static <T> T await(CompletableFuture<T> answer, Duration still, LongSupplier progress)
            throws IOException, TimeoutException {
        long seen = progress.getAsLong();
        while (true) {
            try {
                return answer.get(still.toNanos(), TimeUnit.NANOSECONDS);
            } catch (TimeoutException e) {
                long now = progress.getAsLong();
                // Of the two who end it one is first; if that is the call, its answer is taken after all.
                if (now == seen && answer.completeExceptionally(e)) {
                    throw e;
                }
                seen = now;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                InterruptedIOException interrupted = new InterruptedIOException("interrupted");
                answer.completeExceptionally(interrupted);
                throw interrupted;
            } catch (ExecutionException e) {
                throw rethrown(e.getCause());
            }
        }
    }

    private static IOException rethrown(@Nullable Throwable cause) {
        return switch (cause) {
            case IOException e -> e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case null, default -> new IOException(cause);
        };
    }
}
