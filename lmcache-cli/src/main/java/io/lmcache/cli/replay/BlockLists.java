package io.lmcache.cli.replay;

import java.util.Arrays;

/** Lists of blocks, of which a block is in one at most: 9 bytes a block, all operations in constant time. */
final class BlockLists {
    private static final byte NONE = -1;

    private final int blocks;
    private final int[] next;
    private final int[] previous;
    private final byte[] listOf;
    private final int[] sizes;

    BlockLists(int blocks, int lists) {
        this.blocks = blocks;
        this.next = new int[blocks + lists];
        this.previous = new int[blocks + lists];
        this.listOf = new byte[blocks];
        this.sizes = new int[lists];
        Arrays.fill(listOf, NONE);
        for (int list = 0; list < lists; list++) {
            next[blocks + list] = blocks + list;
            previous[blocks + list] = blocks + list;
        }
    }

    boolean isIn(int list, int block) {
        return listOf[block] == list;
    }

    int size(int list) {
        return sizes[list];
    }

    /** Puts a block, which may be in a list, at the end of one. */
    void append(int list, int block) {
        remove(block);
        int end = blocks + list;
        int last = previous[end];
        next[last] = block;
        previous[block] = last;
        next[block] = end;
        previous[end] = block;
        listOf[block] = (byte) list;
        sizes[list]++;
    }

    void remove(int block) {
        if (listOf[block] == NONE) {
            return;
        }
        next[previous[block]] = next[block];
        previous[next[block]] = previous[block];
        sizes[listOf[block]]--;
        listOf[block] = NONE;
    }

    /** The block that has been in the list longest; the list is not empty. */
    int first(int list) {
        return next[blocks + list];
    }

    /** The block that came last; the list is not empty. */
    int last(int list) {
        return previous[blocks + list];
    }
}
