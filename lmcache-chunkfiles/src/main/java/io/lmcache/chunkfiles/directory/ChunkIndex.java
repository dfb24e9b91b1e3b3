package io.lmcache.chunkfiles.directory;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.RemovalCause;
import java.util.OptionalInt;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * The chunks that this instance has seen, in memory: what is here needs no system call to be found.
 *
 * <p>Bounded by a share of the Java heap; what does not fit is found on disk again. It never says that a chunk is absent.
 * Thread-safe.
 */
final class ChunkIndex {
    /** The most heap that an entry takes, in bytes; a test measures it. */
    static final int MAX_BYTES_PER_ENTRY = 560;

    private static final int SHARE_OF_HEAP = 8;

    /** Where a chunk was seen, its length, and when its file's time of last use was set. */
    private static final class Entry {
        private final int root;
        private final long payloadBytes;
        private volatile long touchedMillis;

        private Entry(int root, long payloadBytes, long touchedMillis) {
            this.root = root;
            this.payloadBytes = payloadBytes;
            this.touchedMillis = touchedMillis;
        }
    }

    private final Cache<String, Entry> entries;
    private final LongAdder chunks = new LongAdder();
    private final LongAdder payloadBytes = new LongAdder();

    ChunkIndex() {
        this(Runtime.getRuntime().maxMemory() / SHARE_OF_HEAP / MAX_BYTES_PER_ENTRY);
    }

    ChunkIndex(long maximumEntries) {
        entries = Caffeine.newBuilder()
                .maximumSize(maximumEntries)
                .executor(Runnable::run)
                .evictionListener(this::discounted)
                .build();
    }

    boolean contains(String name) {
        return entries.getIfPresent(name) != null;
    }

    /** The number of the root that the chunk was seen in; empty when it is not known. */
    OptionalInt rootOf(String name) {
        Entry entry = entries.getIfPresent(name);
        return entry == null ? OptionalInt.empty() : OptionalInt.of(entry.root);
    }

    /** Notes that a chunk is there, and when it was used last. */
    void add(String name, int root, long bytes, long lastUseMillis) {
        Entry entry = new Entry(root, bytes, lastUseMillis);
        Entry before = entries.asMap().putIfAbsent(name, entry);
        if (before == null) {
            chunks.increment();
            payloadBytes.add(bytes);
        }
    }

    /** Whether it is time to set the chunk's time of last use again; one caller gets the answer yes. */
    boolean claimTouch(String name, long nowMillis, long intervalMillis) {
        Entry entry = entries.getIfPresent(name);
        if (entry == null || nowMillis - entry.touchedMillis < intervalMillis) {
            return false;
        }
        entry.touchedMillis = nowMillis;
        return true;
    }

    void remove(String name) {
        Entry entry = entries.asMap().remove(name);
        if (entry != null) {
            discounted(name, entry, RemovalCause.EXPLICIT);
        }
    }

    private void discounted(@Nullable String name, @Nullable Entry entry, RemovalCause cause) {
        chunks.decrement();
        if (entry != null) {
            payloadBytes.add(-entry.payloadBytes);
        }
    }

    long chunks() {
        return chunks.sum();
    }

    long payloadBytes() {
        return payloadBytes.sum();
    }
}
