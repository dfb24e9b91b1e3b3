package io.lmcache.cli.replay;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Requests in the order of their time, each with the blocks of its prompt. Blocks are numbered from 0 without gaps, so
 * that whoever keeps something about each of them needs an array and no map.
 *
 * <p>Two numbers are the same only if the whole prompt up to there is. Immutable once built, and thread-safe.
 */
public final class Trace {
    private final int blockTokens;
    private final int distinctBlocks;
    private final int[] order;
    private final int[] starts;
    private final int[] inputTokens;
    private final int[] blocks;
    private final double[] seconds;

    private Trace(Builder builder, int blockTokens) {
        this.blockTokens = blockTokens;
        this.distinctBlocks = builder.numbers.size();
        this.starts = builder.starts.toArray();
        this.inputTokens = builder.inputTokens.toArray();
        this.blocks = builder.blocks.toArray();
        this.seconds = builder.seconds.toArray();
        this.order = byTime(seconds, builder.requests);
    }

    private static int[] byTime(double[] seconds, int requests) {
        return IntStream.range(0, requests)
                .boxed()
                .sorted((a, b) -> Double.compare(seconds[a], seconds[b]))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    /** Tokens of a block. */
    public int blockTokens() {
        return blockTokens;
    }

    /** How many different blocks there are. */
    public int distinctBlocks() {
        return distinctBlocks;
    }

    /** How many blocks the requests have together. */
    public int references() {
        return blocks.length;
    }

    /** How many requests there are. */
    public int requests() {
        return order.length;
    }

    /** Tokens of all prompts. */
    public long inputTokens() {
        return Arrays.stream(inputTokens).asLongStream().sum();
    }

    /** Where the blocks of the n-th request in time begin. */
    int start(int request) {
        return starts[order[request]];
    }

    /** Where they end. */
    int end(int request) {
        int at = order[request];
        return at + 1 < starts.length ? starts[at + 1] : blocks.length;
    }

    /** Tokens of the n-th request in time. */
    int inputTokens(int request) {
        return inputTokens[order[request]];
    }

    /** When the n-th request in time came, in seconds; only differences mean anything. */
    double seconds(int request) {
        return seconds[order[request]];
    }

    int block(int reference) {
        return blocks[reference];
    }

    /** Collects the requests of one or more files; the identifiers of a file are its own. Used by one thread. */
    static final class Builder {
        private final BlockNumbers numbers = new BlockNumbers();
        private final IntColumn starts = new IntColumn();
        private final IntColumn inputTokens = new IntColumn();
        private final IntColumn blocks = new IntColumn();
        private final DoubleColumn seconds = new DoubleColumn();
        private int requests;

        /** The blocks that follow are of a request at this time. */
        void request(double atSeconds) {
            starts.add(blocks.size());
            inputTokens.add(0);
            seconds.add(atSeconds);
            requests++;
        }

        /** Takes the last request back, which has no blocks yet. */
        void dropLast() {
            starts.removeLast();
            inputTokens.removeLast();
            seconds.removeLast();
            requests--;
        }

        void setSeconds(double atSeconds) {
            seconds.setLast(atSeconds);
        }

        void setInputTokens(int tokens) {
            inputTokens.setLast(tokens);
        }

        void block(long identifier) {
            blocks.add(numbers.of(identifier));
        }

        /** Identifiers that follow are of another file. */
        void endFile() {
            numbers.forget();
        }

        int requests() {
            return requests;
        }

        Trace build(int blockTokens) {
            return new Trace(this, blockTokens);
        }
    }
}
