package io.lmcache.chunkfiles.directory;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Whether more bytes may come into one root.
 *
 * <p>What is there, the {@link DirectoryAccount} knows. Space is reserved before a file is written: what the writers on one
 * machine write never exceeds the limit by their own count. As long as nothing is known, a limited root has no room.
 * Thread-safe and without locks.
 */
final class DiskBudget {
    private final long limit;
    // Once something has to go, some more goes, so that many puts share the cost of a scan.
    private final long lowWater;
    private final DirectoryAccount account;
    private final AtomicLong wanted = new AtomicLong();
    private final AtomicLong demanded = new AtomicLong();
    // Of which of the account's pages it is known; less than 0 for none.
    private volatile int measuredPage;

    DiskBudget(long limit, DirectoryAccount account) {
        this.limit = limit;
        this.lowWater = limit - limit / 20;
        this.account = account;
        // Whoever comes alone cannot know what was done here while nobody counted.
        this.measuredPage = account.isMeasured() && account.hasOthers() ? account.pages() : -1;
    }

    boolean isLimited() {
        return limit != Long.MAX_VALUE;
    }

    /** Whether it is known what is there. */
    boolean isMeasured() {
        return measuredPage == account.pages();
    }

    /** Whether those who evict on this machine count for this instance, too. */
    boolean isShared() {
        return account.isShared();
    }

    boolean canEverHold(long bytes) {
        return bytes <= limit;
    }

    boolean tryReserve(long bytes) {
        account.reserve(bytes);
        if (isLimited() && (!isMeasured() || account.used() > limit)) {
            account.reserve(-bytes);
            return false;
        }
        return true;
    }

    /** Turns a reservation into stored bytes. */
    void publish(long bytes) {
        account.publish(bytes);
    }

    void release(long bytes) {
        account.reserve(-bytes);
    }

    void remove(long bytes) {
        account.remove(bytes);
        demanded.updateAndGet(before -> Math.max(0, before - bytes));
    }

    /** Notes that so many bytes have to go, however much room there seems to be: the file system has no more. */
    void demand(long bytes) {
        demanded.accumulateAndGet(bytes, Math::max);
    }

    /** Whether something has to go for that. */
    boolean isRefused() {
        return demanded.get() > 0;
    }

    /** Makes do with what could be removed. */
    void waive() {
        demanded.set(0);
    }

    /** Notes that a put waits for so many bytes; room is made for them. */
    void want(long bytes) {
        wanted.addAndGet(bytes);
    }

    void unwant(long bytes) {
        wanted.addAndGet(-bytes);
    }

    long wanted() {
        return wanted.get();
    }

    /** What {@link #endScan} wants to know of the time when the scan began. */
    long beginScan() {
        return account.published();
    }

    /** Takes over what a scan found that saw everything. */
    void endScan(long begin, long found) {
        account.endScan(found, begin, true);
        measuredPage = account.pages();
    }

    /** Takes over what a scan found that did not see everything: there is at least so much. */
    void endIncompleteScan(long begin, long found) {
        account.endScan(found, begin, false);
    }

    /** Makes do with what scans have found that did not see everything. */
    void acceptIncomplete() {
        measuredPage = account.pages();
    }

    /** The bytes to remove so that the waiting puts fit, with a margin of a twentieth; 0 when all fits as it is. */
    long excess() {
        long needed = account.used() + wanted();
        return Math.max(demanded.get(), isLimited() && needed > limit ? needed - lowWater : 0);
    }
}
