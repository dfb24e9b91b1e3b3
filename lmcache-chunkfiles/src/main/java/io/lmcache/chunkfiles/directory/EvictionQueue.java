package io.lmcache.chunkfiles.directory;

import java.nio.file.attribute.FileTime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * The least recently used chunks that the last scan has found, as many as there is memory for, oldest first.
 *
 * <p>Chunks that could not be evicted are not offered again, nor what is older, until {@link #reconsider}: so the next scan
 * gets beyond them, however many there are. For one thread.
 */
final class EvictionQueue {
    private static final int SHARE_OF_HEAP = 64;
    private static final int BYTES_PER_CHUNK = 512;
    private static final int MIN_CHUNKS = 4096;
    private static final int MAX_CHUNKS = 100_000;

    /** A chunk, by the name below its root. */
    record Candidate(String name, long bytes, FileTime lastUse) {}

    private static final Comparator<Candidate> OLDEST_FIRST =
            Comparator.comparing(Candidate::lastUse).thenComparing(Candidate::name);

    private final int capacity;
    private final PriorityQueue<Candidate> newestFirst = new PriorityQueue<>(OLDEST_FIRST.reversed());
    private final ArrayDeque<Candidate> oldestFirst = new ArrayDeque<>();
    private @Nullable Candidate passedOver;

    /** A queue that takes a small share of the heap. */
    EvictionQueue() {
        this(Math.clamp(Runtime.getRuntime().maxMemory() / SHARE_OF_HEAP / BYTES_PER_CHUNK, MIN_CHUNKS, MAX_CHUNKS));
    }

    EvictionQueue(int capacity) {
        this.capacity = capacity;
    }

    /** Forgets what the last scan found; a new one begins. */
    void beginScan() {
        oldestFirst.clear();
        newestFirst.clear();
    }

    /** Takes a chunk that the scan has found. */
    void add(Candidate chunk) {
        if (passedOver != null && OLDEST_FIRST.compare(chunk, passedOver) <= 0) {
            return;
        }
        if (newestFirst.size() < capacity) {
            newestFirst.add(chunk);
        } else if (OLDEST_FIRST.compare(chunk, newestFirst.element()) < 0) {
            newestFirst.remove();
            newestFirst.add(chunk);
        }
    }

    /** The scan is over; what it found can be taken. */
    void endScan() {
        List<Candidate> chunks = new ArrayList<>(newestFirst);
        newestFirst.clear();
        chunks.sort(OLDEST_FIRST);
        oldestFirst.addAll(chunks);
    }

    boolean isEmpty() {
        return oldestFirst.isEmpty();
    }

    /** Takes the least recently used chunk. */
    Optional<Candidate> poll() {
        return Optional.ofNullable(oldestFirst.poll());
    }

    /** Notes that a chunk, which was taken from here, could not be evicted. */
    void passOver(Candidate chunk) {
        passedOver = chunk;
    }

    /** Offers from the next scan on all chunks again; says whether there were any that were not. */
    boolean reconsider() {
        boolean isAny = passedOver != null;
        passedOver = null;
        return isAny;
    }
}
