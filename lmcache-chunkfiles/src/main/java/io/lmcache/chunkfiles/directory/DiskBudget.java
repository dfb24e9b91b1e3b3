package io.lmcache.chunkfiles.directory;

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
    // Once something has to go, some more goes, so that many puts share the cost of a scan.
    private final long lowWater;
    // The fields below are guarded by this.
    private boolean measured;
    private long stored;
    private long reserved;
    private long wanted;
    private long publishedDuringScan;

    DiskBudget(long limit) {
        this.limit = limit;
        this.lowWater = limit - limit / 20;
    }

    boolean isLimited() {
        return limit != Long.MAX_VALUE;
    }

    boolean canEverHold(long bytes) {
        return bytes <= limit;
    }

    synchronized boolean tryReserve(long bytes) {
        if (isLimited() && (!measured || stored + reserved + bytes > limit)) {
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

    /** The bytes to remove so that the waiting puts fit, with a margin of a twentieth; 0 when all fits as it is. */
    synchronized long excess() {
        long needed = stored + reserved + wanted;
        return needed > limit ? needed - lowWater : 0;
    }
}
