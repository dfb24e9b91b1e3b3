package io.lmcache.backend.redis;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What this instance knows of the chunks in the store: those that it stored, within its limit, and those that it has seen.
 * A hint, since a server evicts and other processes store; nothing is found or missed because of it.
 *
 * <p>Thread-safe; one lock, held for no I/O.
 */
final class KnownChunks {
    /** So many that the names take some megabytes; what was used longest ago is forgotten. */
    private static final int MOST = 1 << 16;

    /** What a chunk takes beside its payload. */
    private final long overhead;

    private final long limit;
    // Guarded by this, used longest ago first.
    private final LinkedHashMap<String, Known> chunks = new LinkedHashMap<>(16, 0.75f, true);
    private long ownChunks;
    private long ownBytes;
    private long reserved;
    private long reservedChunks;

    private static final class Known {
        private final long bytes;
        private boolean isOwn;
        private int pins;

        Known(long bytes, boolean isOwn) {
            this.bytes = bytes;
            this.isOwn = isOwn;
        }
    }

    /**
     * Knows nothing so far.
     *
     * @param limit the bytes that what this instance stores may take; 0 for no limit
     * @param overhead what a chunk takes beside its payload, in bytes
     */
    KnownChunks(long limit, long overhead) {
        this.limit = limit == 0 ? Long.MAX_VALUE : limit;
        this.overhead = overhead;
    }

    long limit() {
        return limit;
    }

    synchronized long ownChunks() {
        return ownChunks;
    }

    synchronized long ownBytes() {
        return ownBytes;
    }

    /** Whether a chunk of so many bytes can ever be within the limit. */
    boolean canHold(long bytes) {
        return bytes <= limit - overhead;
    }

    /**
     * Sets room aside for a chunk that is about to be stored.
     *
     * @return the chunks to remove for it, which are forgotten here; empty when nothing more can be removed
     */
    synchronized Optional<List<String>> reserve(long bytes) {
        List<String> victims = new ArrayList<>();
        long excess = excess(bytes);
        Iterator<Map.Entry<String, Known>> oldest = chunks.entrySet().iterator();
        while (excess > 0 && oldest.hasNext()) {
            Map.Entry<String, Known> next = oldest.next();
            if (next.getValue().isOwn && next.getValue().pins == 0) {
                victims.add(next.getKey());
                excess -= next.getValue().bytes + overhead;
            }
        }
        if (excess > 0) {
            return Optional.empty();
        }
        victims.forEach(this::forget);
        reserved += bytes;
        reservedChunks++;
        return Optional.of(victims);
    }

    /** By how much too little room there is; not above zero when there is enough. */
    private long excess(long bytes) {
        long taken = ownBytes + reserved + (ownChunks + reservedChunks) * overhead;
        return limit == Long.MAX_VALUE ? 0 : taken + bytes + overhead - limit;
    }

    /** Ends a reservation: the chunk is stored, or is not. */
    synchronized void settle(String name, long bytes, boolean isStored) {
        reserved -= bytes;
        reservedChunks--;
        if (isStored) {
            Known known = chunks.get(name);
            int pins = known == null ? 0 : known.pins;
            forget(name);
            Known own = new Known(bytes, true);
            own.pins = pins;
            chunks.put(name, own);
            ownChunks++;
            ownBytes += bytes;
            forgetOldest();
        }
    }

    /** Notes that the chunk was there just now. */
    synchronized void seen(String name, long bytes) {
        if (chunks.get(name) == null) {
            chunks.put(name, new Known(bytes, false));
            forgetOldest();
        }
    }

    private void forgetOldest() {
        if (chunks.size() > MOST) {
            forget(chunks.keySet().iterator().next());
        }
    }

    /** Notes that the chunk is not there. */
    synchronized void forget(String name) {
        Known known = chunks.remove(name);
        if (known != null && known.isOwn) {
            ownChunks--;
            ownBytes -= known.bytes;
        }
    }

    /** Whether the chunk was known, and is kept now. */
    synchronized boolean pin(String name) {
        Known known = chunks.get(name);
        if (known == null) {
            return false;
        }
        known.pins++;
        return true;
    }

    synchronized void unpin(String name) {
        Known known = chunks.get(name);
        if (known != null && known.pins > 0) {
            known.pins--;
        }
    }

    synchronized boolean isPinned(String name) {
        Known known = chunks.get(name);
        return known != null && known.pins > 0;
    }
}
