package io.lmcache.backend.s3;

import java.util.BitSet;
import java.util.concurrent.CompletableFuture;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * One lookup: asks for chunks in their order, several at a time, and for no more than it must once one is missing.
 *
 * <p>Since most prompts are known to some length or not at all, it begins with few requests and sends two for each chunk that is there.
 * Thread-safe; its lock is held for no I/O.
 */
final class PrefixLookup {
    private static final int FIRST = 8;
    /** The most requests that wait for an answer. */
    static final int MOST = 64;

    private final IntFunction<CompletableFuture<Boolean>> question;
    private final CompletableFuture<Integer> result = new CompletableFuture<>();
    // Guarded by this.
    private final BitSet there = new BitSet();
    private int window = FIRST;
    private int asked;
    private int waiting;
    /** The end of what was asked for, until an earlier one is known. */
    private int firstGap;

    /**
     * A lookup of so many chunks.
     *
     * @param question whether the chunk of that number is there
     */
    PrefixLookup(int count, IntFunction<CompletableFuture<Boolean>> question) {
        this.question = question;
        this.firstGap = count;
    }

    CompletableFuture<Integer> run() {
        ask();
        return result;
    }

    private void ask() {
        for (int number = next(); number >= 0; number = next()) {
            int asked = number;
            var _ = question.apply(asked).whenComplete((isThere, error) -> answered(asked, isThere, error));
        }
    }

    /** The number of the next chunk to ask for; below zero when none is to be asked for now. */
    private synchronized int next() {
        if (asked >= firstGap || waiting >= window || result.isDone()) {
            return -1;
        }
        waiting++;
        return asked++;
    }

    private void answered(int number, @Nullable Boolean isThere, @Nullable Throwable error) {
        if (error != null || isThere == null) {
            result.completeExceptionally(error != null ? error : new IllegalStateException("no answer"));
            return;
        }
        int found;
        synchronized (this) {
            waiting--;
            if (isThere) {
                there.set(number);
                window = Math.min(MOST, window + 1);
            } else {
                firstGap = Math.min(firstGap, number);
            }
            found = there.nextClearBit(0);
        }
        if (found >= firstGap()) {
            result.complete(firstGap());
        } else {
            ask();
        }
    }

    private synchronized int firstGap() {
        return firstGap;
    }
}
