package io.lmcache.cli.replay;

/** One list: the orders that need to know no more than who came or was used when. Used by one thread. */
final class ListOrder implements CacheOrder {
    /** What is evicted. */
    enum Kind {
        /** What was used longest ago. */
        LRU,
        /** What came first. */
        FIFO,
        /** What was used last. */
        MRU
    }

    private static final int LIST = 0;

    private final Kind kind;
    private final int capacity;
    private final BlockLists lists;
    private long evictions;

    ListOrder(Kind kind, int blocks, int capacity) {
        this.kind = kind;
        this.capacity = capacity;
        this.lists = new BlockLists(blocks, 1);
    }

    @Override
    public boolean contains(int block) {
        return lists.isIn(LIST, block);
    }

    @Override
    public void use(int block, int reference) {
        if (kind != Kind.FIFO) {
            lists.append(LIST, block);
        }
    }

    @Override
    public void admit(int block, int reference) {
        if (lists.size(LIST) == capacity) {
            lists.remove(kind == Kind.MRU ? lists.last(LIST) : lists.first(LIST));
            evictions++;
        }
        lists.append(LIST, block);
    }

    @Override
    public long evictions() {
        return evictions;
    }
}
