package io.lmcache.cli.replay;

import java.util.Arrays;
import java.util.Locale;

/** The orders of eviction that a host tier is simulated with. */
public enum ReplayPolicy {
    /** The least recently used first. */
    LRU,
    /** The least frequently used first. */
    LFU,
    /** The first stored first. */
    FIFO,
    /** The most recently used first. */
    MRU,
    /** Recency in a small window; frequency decides what comes in from there. */
    W_TINYLFU,
    /** Queues; what is not used soon leaves early. */
    S3_FIFO,
    /** Belady's: what is used again last goes first. Knows the future, so it is a bound and not a choice. */
    OPTIMUM;

    CacheOrder order(Trace trace, int capacity) {
        int blocks = trace.distinctBlocks();
        return switch (this) {
            case LRU -> new ListOrder(ListOrder.Kind.LRU, blocks, capacity);
            case FIFO -> new ListOrder(ListOrder.Kind.FIFO, blocks, capacity);
            case MRU -> new ListOrder(ListOrder.Kind.MRU, blocks, capacity);
            case LFU -> HeapOrder.lfu(blocks, capacity);
            case W_TINYLFU -> new TinyLfuOrder(blocks, capacity);
            case S3_FIFO -> new S3FifoOrder(blocks, capacity);
            case OPTIMUM -> HeapOrder.optimum(blocks, capacity, nextUses(trace));
        };
    }

    /** For each reference, the next one to the same block; the greatest number where there is none. */
    private static int[] nextUses(Trace trace) {
        int[] next = new int[trace.references()];
        int[] seen = new int[trace.distinctBlocks()];
        Arrays.fill(seen, Integer.MAX_VALUE);
        int time = trace.references();
        for (int request = trace.requests() - 1; request >= 0; request--) {
            for (int at = trace.end(request) - 1; at >= trace.start(request); at--) {
                time--;
                next[time] = seen[trace.block(at)];
                seen[trace.block(at)] = time;
            }
        }
        return next;
    }

    /** As people write it: {@code w-tinylfu}. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
