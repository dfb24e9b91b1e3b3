package io.lmcache.cli.replay;

/**
 * W-TinyLFU: a window, a hundredth of the room, takes what is new by recency; what leaves it enters the main space only
 * if it was asked for more often than what would leave there. The main space is in two: what was used in it, up to four
 * fifths, and what was not. Counts are exact here, up to 15, and halved after ten times as many as there is room.
 * Used by one thread.
 */
final class TinyLfuOrder implements CacheOrder {
    private static final int WINDOW = 0;
    private static final int PROBATION = 1;
    private static final int PROTECTED = 2;
    private static final int MOST_USES = 15;

    private final int windowCapacity;
    private final int mainCapacity;
    private final int protectedCapacity;
    private final long agingPeriod;
    private final BlockLists lists;
    private final byte[] asked;
    private long countedSinceAging;
    private long evictions;

    TinyLfuOrder(int blocks, int capacity) {
        this.windowCapacity = Math.max(1, capacity / 100);
        this.mainCapacity = capacity - windowCapacity;
        this.protectedCapacity = (int) (mainCapacity * 4L / 5);
        // Aging passes over all blocks, so it must not come too often where there is little room.
        this.agingPeriod = Math.max(10L * capacity, blocks);
        this.lists = new BlockLists(blocks, 3);
        this.asked = new byte[blocks];
    }

    @Override
    public boolean contains(int block) {
        return lists.isIn(WINDOW, block) || lists.isIn(PROBATION, block) || lists.isIn(PROTECTED, block);
    }

    @Override
    public void use(int block, int reference) {
        count(block);
        if (lists.isIn(WINDOW, block)) {
            lists.append(WINDOW, block);
            return;
        }
        lists.append(PROTECTED, block);
        if (lists.size(PROTECTED) > protectedCapacity) {
            lists.append(PROBATION, lists.first(PROTECTED));
        }
    }

    @Override
    public void admit(int block, int reference) {
        count(block);
        lists.append(WINDOW, block);
        if (lists.size(WINDOW) > windowCapacity) {
            admitToMain(lists.first(WINDOW));
        }
    }

    private void admitToMain(int candidate) {
        if (lists.size(PROBATION) + lists.size(PROTECTED) < mainCapacity) {
            lists.append(PROBATION, candidate);
            return;
        }
        evictions++;
        if (mainCapacity == 0) {
            lists.remove(candidate);
            return;
        }
        int victim = lists.first(lists.size(PROBATION) > 0 ? PROBATION : PROTECTED);
        if (asked[candidate] > asked[victim]) {
            lists.remove(victim);
            lists.append(PROBATION, candidate);
        } else {
            lists.remove(candidate);
        }
    }

    private void count(int block) {
        if (asked[block] < MOST_USES) {
            asked[block]++;
        }
        countedSinceAging++;
        if (countedSinceAging == agingPeriod) {
            countedSinceAging = 0;
            for (int i = 0; i < asked.length; i++) {
                asked[i] = (byte) (asked[i] >> 1);
            }
        }
    }

    @Override
    public long evictions() {
        return evictions;
    }
}
