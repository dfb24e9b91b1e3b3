package io.lmcache.backend.posix.directory;

/**
 * How many bytes the files of one root take, and whether more may come.
 *
 * <p>The count is what the last scan found plus what this instance has published since, so other writers' chunks join
 * it scan by scan. Space is reserved before a file is written: what this instance writes never exceeds the limit by its
 * own count. Before the first scan nothing is known, and a limited root has no room. Thread-safe; the lock is never held
 * across I/O.
 */
final class DiskBudget {
    private final long limit;
    // Eviction begins above the one and ends below the other, so that many puts share the cost of a scan.
    private final long highWater;
    private final long lowWater;
    // The fields below are guarded by this.
    private boolean measured;
    private long stored;
    private long reserved;
    private long wanted;
    private long publishedDuringScan;

    DiskBudget(long limit) {
        this.limit = limit;
        this.highWater = limit - limit / 40;
        this.lowWater = limit - limit / 20;
    }

    boolean canEverHold(long bytes) {
        return bytes <= limit;
    }

    synchronized boolean tryReserve(long bytes) {
        if (limit != Long.MAX_VALUE && (!measured || stored + reserved + bytes > limit)) {
            return false;
        }
        reserved += bytes;
        return true;
    }

    /** Turns a reservation into stored bytes. */
    synchronized void publish(long bytes) {
        reserved -= bytes;
        stored += bytes;
        publishedDuringScan += bytes;
    }

    synchronized void release(long bytes) {
        reserved -= bytes;
    }

    synchronized void remove(long bytes) {
        stored = Math.max(0, stored - bytes);
    }

    /** Notes that a put waits for so many bytes; the next scan makes room for them. */
    synchronized void want(long bytes) {
        wanted += bytes;
    }

    synchronized void unwant(long bytes) {
        wanted -= bytes;
    }

    synchronized long wanted() {
        return wanted;
    }

    synchronized void beginScan() {
        publishedDuringScan = 0;
    }

    /** Takes over what a scan found. What was published meanwhile may be in it or not, and is added. */
    synchronized void endScan(long found) {
        stored = found + publishedDuringScan;
        measured = true;
    }

    synchronized boolean isAboveHighWater() {
        return stored + reserved > highWater;
    }

    /** The bytes to remove: down to the low water mark, and so much that the waiting puts fit. */
    synchronized long excess() {
        if (limit == Long.MAX_VALUE) {
            return 0;
        }
        long used = stored + reserved;
        long aboveLowWater = used > highWater ? used - lowWater : 0;
        return Math.max(aboveLowWater, used + wanted - limit);
    }
}
