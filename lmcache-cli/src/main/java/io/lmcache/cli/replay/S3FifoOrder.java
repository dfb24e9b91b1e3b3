package io.lmcache.cli.replay;

/**
 * S3-FIFO: a small queue takes what is new, a tenth of the room; what was used there moves to the main queue, the rest
 * leaves, but is remembered for a while and goes to the main queue at once when it comes again. In the main queue what
 * was used since goes around again. Used by one thread.
 */
final class S3FifoOrder implements CacheOrder {
    private static final int SMALL = 0;
    private static final int MAIN = 1;
    private static final int GHOST = 2;
    private static final int MOST_USES = 3;

    private final int capacity;
    private final int smallCapacity;
    private final BlockLists lists;
    private final byte[] uses;
    private long evictions;

    S3FifoOrder(int blocks, int capacity) {
        this.capacity = capacity;
        this.smallCapacity = Math.max(1, capacity / 10);
        this.lists = new BlockLists(blocks, 3);
        this.uses = new byte[blocks];
    }

    @Override
    public boolean contains(int block) {
        return lists.isIn(SMALL, block) || lists.isIn(MAIN, block);
    }

    @Override
    public void use(int block, int reference) {
        uses[block] = (byte) Math.min(MOST_USES, uses[block] + 1);
    }

    @Override
    public void admit(int block, int reference) {
        boolean known = lists.isIn(GHOST, block);
        while (lists.size(SMALL) + lists.size(MAIN) >= capacity) {
            evictOne();
        }
        uses[block] = 0;
        lists.append(known ? MAIN : SMALL, block);
    }

    private void evictOne() {
        if (lists.size(SMALL) >= smallCapacity || lists.size(MAIN) == 0) {
            evictFromSmall();
        } else {
            evictFromMain();
        }
    }

    private void evictFromSmall() {
        int block = lists.first(SMALL);
        if (uses[block] > 0) {
            uses[block] = 0;
            lists.append(MAIN, block);
            return;
        }
        lists.append(GHOST, block);
        evictions++;
        if (lists.size(GHOST) > capacity - smallCapacity) {
            lists.remove(lists.first(GHOST));
        }
    }

    private void evictFromMain() {
        int block = lists.first(MAIN);
        if (uses[block] > 0) {
            uses[block]--;
            lists.append(MAIN, block);
            return;
        }
        lists.remove(block);
        evictions++;
    }

    @Override
    public long evictions() {
        return evictions;
    }
}
