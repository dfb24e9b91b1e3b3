package io.lmcache.cli.replay;

import java.util.Arrays;

/**
 * The orders by a rank: the block of the lowest is the next to go. LFU ranks by how often and, of the same, how lately a
 * block was used. Belady's optimum ranks by how soon it will be used again, which takes knowing the future; a block that
 * would be the next to go does not come in. Used by one thread.
 */
final class HeapOrder implements CacheOrder {
    private static final int OUT = -1;

    private final int capacity;
    private final int[] nextUse;
    private final long[] rank;
    private final int[] place;
    private final int[] heap;
    private int size;
    private long evictions;

    private HeapOrder(int blocks, int capacity, int[] nextUse) {
        this.capacity = capacity;
        this.nextUse = nextUse;
        this.rank = new long[blocks];
        this.place = new int[blocks];
        this.heap = new int[Math.min(blocks, capacity) + 1];
        Arrays.fill(place, OUT);
    }

    /** By frequency. */
    static HeapOrder lfu(int blocks, int capacity) {
        return new HeapOrder(blocks, capacity, new int[0]);
    }

    /** By the next use: for each reference, where its block is referred to next. */
    static HeapOrder optimum(int blocks, int capacity, int[] nextUse) {
        return new HeapOrder(blocks, capacity, nextUse);
    }

    @Override
    public boolean contains(int block) {
        return place[block] != OUT;
    }

    @Override
    public void use(int block, int reference) {
        rank[block] = rankAfter(block, reference);
        sink(raise(place[block]));
    }

    @Override
    public void recompute(int block, int reference) {
        if (nextUse.length > 0) {
            use(block, reference);
        }
    }

    private long rankAfter(int block, int reference) {
        if (nextUse.length > 0) {
            return -(long) nextUse[reference];
        }
        long uses = contains(block) ? (rank[block] >>> 32) + 1 : 1;
        return uses << 32 | reference;
    }

    @Override
    public void admit(int block, int reference) {
        rank[block] = rankAfter(block, reference);
        if (nextUse.length == 0 && size == capacity) {
            removeLowest();
        }
        place[block] = size;
        heap[size] = block;
        raise(size++);
        if (size > capacity) {
            removeLowest();
        }
    }

    private void removeLowest() {
        place[heap[0]] = OUT;
        evictions++;
        size--;
        if (size > 0) {
            put(heap[size], 0);
            sink(0);
        }
    }

    private int raise(int from) {
        int at = from;
        int block = heap[at];
        while (at > 0 && rank[heap[(at - 1) / 2]] > rank[block]) {
            put(heap[(at - 1) / 2], at);
            at = (at - 1) / 2;
        }
        put(block, at);
        return at;
    }

    private void sink(int from) {
        int at = from;
        int block = heap[at];
        while (2 * at + 1 < size) {
            int child = 2 * at + 1;
            if (child + 1 < size && rank[heap[child + 1]] < rank[heap[child]]) {
                child++;
            }
            if (rank[heap[child]] >= rank[block]) {
                break;
            }
            put(heap[child], at);
            at = child;
        }
        put(block, at);
    }

    private void put(int block, int at) {
        heap[at] = block;
        place[block] = at;
    }

    @Override
    public long evictions() {
        return evictions;
    }
}
