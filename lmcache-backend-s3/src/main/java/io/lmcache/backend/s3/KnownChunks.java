package io.lmcache.backend.s3;

import io.lmcache.api.spi.ChunkHeader;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What this instance knows of the chunks in the bucket: those that it stored, within its limit, and those that it has seen.
 *
 * <p>Their headers spare a get the request for it. That a chunk is known says not that it is there: what is asked for the
 * payload says that, and the header checks it.
 *
 * <p>Thread-safe; one lock, held for no I/O.
 */
final class KnownChunks {
    /** So many that the names take some megabytes; what was used longest ago is forgotten. */
    private static final int MOST = 1 << 16;

    private final long limit;
    // Guarded by this, used longest ago first.
    private final LinkedHashMap<String, Known> chunks = new LinkedHashMap<>(16, 0.75f, true);
    private long ownChunks;
    /** With headers. */
    private long ownBytes;

    private long reserved;

    private static final class Known {
        private final ChunkHeader header;
        private final boolean isOwn;
        private int pins;

        Known(ChunkHeader header, boolean isOwn) {
            this.header = header;
            this.isOwn = isOwn;
        }

        long bytes() {
            return header.meta().byteSize() + ChunkHeader.BYTES;
        }
    }

    /**
     * Knows nothing so far.
     *
     * @param limit the bytes that what this instance stores may take; 0 for no limit
     */
    KnownChunks(long limit) {
        this.limit = limit == 0 ? Long.MAX_VALUE : limit;
    }

    long limit() {
        return limit;
    }

    synchronized long ownChunks() {
        return ownChunks;
    }

    /** The bytes of payload that this instance keeps there. */
    synchronized long ownBytes() {
        return ownBytes - ownChunks * ChunkHeader.BYTES;
    }

    /** Whether an object of so many bytes can ever be within the limit. */
    boolean canHold(long bytes) {
        return bytes <= limit;
    }

    /** The header of a chunk, as it was when it was last seen. */
    synchronized Optional<ChunkHeader> header(String name) {
        return Optional.ofNullable(chunks.get(name)).map(known -> known.header);
    }

    /**
     * Sets room aside for an object that is about to be stored.
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
                excess -= next.getValue().bytes();
            }
        }
        if (excess > 0) {
            return Optional.empty();
        }
        victims.forEach(this::forget);
        reserved += bytes;
        return Optional.of(victims);
    }

    /** By how much too little room there is; not above zero when there is enough. */
    private long excess(long bytes) {
        return limit == Long.MAX_VALUE ? 0 : ownBytes + reserved + bytes - limit;
    }

    /** Ends a reservation of so many bytes. */
    synchronized void release(long bytes) {
        reserved -= bytes;
    }

    /** Notes that this instance has stored the chunk. */
    synchronized void stored(String name, ChunkHeader header) {
        Known before = chunks.get(name);
        forget(name);
        Known own = new Known(header, true);
        own.pins = before == null ? 0 : before.pins;
        chunks.put(name, own);
        ownChunks++;
        ownBytes += own.bytes();
        forgetOldest();
    }

    /** Notes that the chunk was there just now. */
    synchronized void seen(String name, ChunkHeader header) {
        if (chunks.get(name) == null) {
            chunks.put(name, new Known(header, false));
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
            ownBytes -= known.bytes();
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
