package io.lmcache.chunkfiles.directory;

import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.Counters;
import io.lmcache.api.spi.Evictions;
import io.lmcache.api.spi.RateLimitedLog;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk.Entry;
import io.lmcache.chunkfiles.directory.EvictionQueue.Candidate;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures one root, and removes what is stale and what is too much.
 *
 * <p>A file that cannot be removed is counted and passed over. Needs memory for some of the chunks that could be evicted, not
 * for those that it sees. For one thread, but for {@link #reconsider}.
 */
final class RootSweep {
    private static final Logger LOG = LoggerFactory.getLogger(RootSweep.class);
    static final int QUARANTINE_FILES = 64;
    static final Duration QUARANTINE_TIME = Duration.ofDays(1);
    // A directory that can never be seen must not keep everything else from being used.
    private static final int MAX_INCOMPLETE_SCANS = 3;

    private final ChunkRoot root;
    private final Duration timeToLive;
    private final ChunkRemoval removal;
    private final Counters counters;
    private final Clock clock;
    private final RateLimitedLog log = new RateLimitedLog(LOG::warn);
    private final BooleanSupplier stopped;
    private final EvictionQueue queue = new EvictionQueue();
    // Dead writers whose files are gone, but not their lock files: nobody looks for those files again.
    private final Set<String> mourned = new HashSet<>();
    private int incompleteScans;
    private volatile boolean isToReconsider;
    private final AtomicLong cleared = new AtomicLong();

    RootSweep(
            ChunkRoot root,
            Duration timeToLive,
            ChunkRemoval removal,
            Counters counters,
            Clock clock,
            BooleanSupplier stopped) {
        this.root = root;
        this.timeToLive = timeToLive;
        this.removal = removal;
        this.counters = counters;
        this.clock = clock;
        this.stopped = stopped;
    }

    ChunkRoot root() {
        return root;
    }

    /** Counts what is there, for the budget of a limited root, and removes nothing. */
    void measure() throws IOException {
        if (root.budget().isLimited()) {
            scan(new Look(clock.instant()));
        }
    }

    /**
     * Removes what dead writers and lost chunks left behind, what expired, and what lay in quarantine for long; counts what
     * remains. Where nothing is limited and nobody died, the chunks are not looked at: a shared directory can have a
     * million.
     */
    void tidy() throws IOException {
        Set<String> dead = deadWriters();
        trimQuarantine();
        if (mourned.containsAll(dead) && timeToLive.isZero() && !root.budget().isLimited()) {
            return;
        }
        queue.reconsider();
        if (scan(new Tidying(clock.instant()))) {
            // Not before: a janitor that ends in the middle leaves the rest to the next one.
            bury(dead);
        }
    }

    /** The writers that died; what they had reserved is free. */
    private Set<String> deadWriters() throws IOException {
        Set<Long> owners = root.account().owners();
        Set<String> dead = new HashSet<>();
        walk().visitWriters(new Look(clock.instant()) {
            @Override
            public void visit(Entry entry) {
                WriterLock.writerOf(entry.fileName()).ifPresent(writer -> {
                    if (isAlive(writer)) {
                        owners.remove(WriterLock.numberOf(writer));
                    } else {
                        dead.add(writer);
                    }
                });
            }

            @Override
            public void unreadable(String path, IOException cause) {
                super.unreadable(path, cause);
                owners.clear();
            }
        });
        owners.forEach(root.account()::clear);
        return dead;
    }

    private boolean isAlive(String writer) {
        try {
            return WriterLock.isAlive(root.writers(), writer);
        } catch (IOException e) {
            // Without a proof of death its files stay.
            counters.increment(BackendCounter.IO_ERRORS);
            return true;
        }
    }

    private void bury(Set<String> dead) {
        mourned.retainAll(dead);
        for (String writer : dead) {
            mourned.add(writer);
            try {
                root.requireNoLinks(root.writers().resolve(writer));
                WriterLock.forgetIfDead(root.writers(), writer);
            } catch (IOException e) {
                counters.increment(BackendCounter.UNDELETABLE);
            }
        }
    }

    /** Looks at everything; says whether all could be seen. */
    private boolean scan(Look look) throws IOException {
        DiskBudget budget = root.budget();
        long begin = budget.beginScan();
        queue.beginScan();
        walk().visitAll(look);
        queue.endScan();
        if (stopped.getAsBoolean()) {
            return false;
        }
        if (look.isComplete) {
            incompleteScans = 0;
            budget.endScan(begin, look.bytes);
        } else {
            incompleteScans++;
            budget.endIncompleteScan(begin, look.bytes);
            if (incompleteScans >= MAX_INCOMPLETE_SCANS) {
                budget.acceptIncomplete();
            }
        }
        return look.isComplete;
    }

    private ChunkDirectoryWalk walk() {
        return new ChunkDirectoryWalk(root.path(), stopped);
    }

    /** Counts what is there, and queues the chunks for eviction. */
    private class Look implements ChunkDirectoryWalk.Visitor {
        final Instant now;
        private boolean isComplete = true;
        private long bytes;

        Look(Instant now) {
            this.now = now;
        }

        @Override
        public void visit(Entry entry) throws IOException {
            if (entry.kind().isLimited()) {
                bytes += entry.bytesOnDisk();
            }
            if (entry.kind() == ChunkDirectoryWalk.Kind.CHUNK) {
                queue.add(candidate(entry));
            }
        }

        Candidate candidate(Entry chunk) {
            return new Candidate(chunk.path(), chunk.bytesOnDisk(), chunk.lastUse());
        }

        @Override
        public void unreadable(String path, IOException cause) {
            if (cause instanceof AccessDeniedException && !path.isEmpty()) {
                // Somebody else's, and so it will stay.
                LOG.debug("Chunk directory {}: '{}' is not this user's", root, path, cause);
                return;
            }
            isComplete = false;
            counters.increment(BackendCounter.IO_ERRORS);
            log.warn(
                    "Chunk directory " + root + ": '" + path
                            + "' cannot be seen; what lies there counts as it did before",
                    cause);
        }
    }

    /** Removes what is stale as well. */
    private final class Tidying extends Look {
        private final Staleness staleness;

        private Tidying(Instant now) {
            super(now);
            this.staleness = Staleness.forJanitor(root.path(), timeToLive, now, RootSweep.this::isAlive);
        }

        @Override
        public void visit(Entry entry) throws IOException {
            if (entry.kind() == ChunkDirectoryWalk.Kind.CHUNK && staleness.isFromTheFuture(entry)) {
                root.setLastUse(entry.path(), now);
            }
            boolean isRemoved =
                    staleness.of(entry).filter(reason -> remove(entry, reason)).isPresent();
            if (!isRemoved) {
                super.visit(entry);
            }
        }

        private boolean remove(Entry entry, Staleness.Reason reason) {
            return switch (reason) {
                case EXPIRED -> evict(candidate(entry), BackendCounter.EXPIRED);
                case METADATA -> delete(entry, BackendCounter.STALE_METADATA);
                case TEMPORARY -> delete(entry, BackendCounter.STALE_TEMPORARIES);
                case EMPTY_DIRECTORY -> delete(entry, BackendCounter.EMPTY_DIRECTORIES);
                case QUARANTINED -> delete(entry, BackendCounter.QUARANTINE_REMOVED);
            };
        }
    }

    private boolean delete(Entry entry, BackendCounter event) {
        Path file = root.resolve(entry.path());
        try {
            root.requireNoLinks(file);
            if (Files.deleteIfExists(file)) {
                counters.increment(event);
            }
            return true;
        } catch (IOException e) {
            counters.increment(BackendCounter.UNDELETABLE);
            return false;
        }
    }

    /** Empties the quarantine but for its newest files. */
    private void trimQuarantine() throws IOException {
        List<Entry> files = quarantine();
        Instant oldest = clock.instant().minus(QUARANTINE_TIME);
        for (int i = 0; i < files.size(); i++) {
            boolean isSurplus = i < files.size() - QUARANTINE_FILES;
            if (isSurplus
                    || ChunkFileNames.quarantinedAt(files.get(i).fileName()).isBefore(oldest)) {
                removeFromQuarantine(files.get(i));
            }
        }
    }

    private void removeFromQuarantine(Entry file) {
        if (delete(file, BackendCounter.QUARANTINE_REMOVED)) {
            root.budget().remove(file.bytesOnDisk());
        }
    }

    /** The files in quarantine, oldest first. */
    private List<Entry> quarantine() throws IOException {
        List<Entry> files = new ArrayList<>();
        walk().visitQuarantine(new Look(clock.instant()) {
            @Override
            public void visit(Entry entry) {
                if (entry.kind() == ChunkDirectoryWalk.Kind.QUARANTINED) {
                    files.add(entry);
                }
            }
        });
        files.sort(Comparator.comparing(file -> ChunkFileNames.quarantinedAt(file.fileName())));
        return files;
    }

    /** Whether the root keeps its budget and its free space, as far as is known. */
    boolean isRoomy() throws IOException {
        return (!root.budget().isLimited() || root.budget().isMeasured()) && excess() <= 0;
    }

    private long excess() throws IOException {
        DiskBudget budget = root.budget();
        return stopped.getAsBoolean() ? 0 : Math.max(budget.excess(), root.freeSpaceDeficit(budget.wanted()));
    }

    /**
     * Removes what lies in quarantine, and then least recently used chunks, until the root keeps its budget and its free
     * space.
     *
     * @return whether that was achieved
     */
    boolean makeRoom() throws IOException {
        if (!isRoomy()) {
            evictQuarantine();
        }
        while (!isRoomy()) {
            Optional<Candidate> oldest = queue.poll();
            if (oldest.isPresent()) {
                evict(oldest.get(), BackendCounter.EVICTED);
            } else if (!findCandidates()) {
                root.budget().waive();
                return isRoomy();
            }
        }
        return true;
    }

    private void evictQuarantine() throws IOException {
        for (Entry file : quarantine()) {
            if (excess() > 0) {
                removeFromQuarantine(file);
            }
        }
    }

    /** Fills the queue; says whether there is anything in it. */
    private boolean findCandidates() throws IOException {
        scan(new Look(clock.instant()));
        boolean isWorthAnother = queue.isEmpty() && isToReconsider;
        if (isWorthAnother) {
            isToReconsider = false;
            queue.reconsider();
            scan(new Look(clock.instant()));
        }
        return !queue.isEmpty();
    }

    /** Notes that a chunk may be evicted that could not be before. */
    void reconsider() {
        isToReconsider = true;
    }

    /** Removes a chunk and counts it; says whether it is gone. */
    private boolean evict(Candidate chunk, BackendCounter event) {
        boolean isRefused = root.budget().isRefused();
        try {
            return switch (removal.removeUnlessUsed(root, chunk.name(), chunk.lastUse())) {
                case REMOVED -> {
                    counters.increment(event);
                    if (isRefused) {
                        // Of inodes they take as many as chunks do.
                        root.removeEmptyDirectoriesOf(chunk.name());
                    }
                    Evictions.record(root.path().toString(), event.text(), chunk.bytes());
                    yield true;
                }
                case ABSENT -> {
                    // Another janitor was faster. On this machine it has told so; elsewhere, that is room as well.
                    if (!root.budget().isShared()) {
                        root.budget().remove(chunk.bytes());
                    }
                    yield true;
                }
                case KEPT -> {
                    queue.passOver(chunk);
                    yield false;
                }
            };
        } catch (IOException e) {
            counters.increment(BackendCounter.UNDELETABLE);
            queue.passOver(chunk);
            return false;
        }
    }

    /** How many files {@link #clear} has looked at so far. */
    long cleared() {
        return cleared.get();
    }

    /** Removes every such chunk that is not pinned. */
    void clear(ChunkDirectory.FileTest which) throws IOException {
        walk().visitAll(new Look(clock.instant()) {
            @Override
            public void visit(Entry entry) throws IOException {
                cleared.incrementAndGet();
                if (entry.kind() == ChunkDirectoryWalk.Kind.CHUNK
                        && which.isMeant(root.path(), root.resolve(entry.path()))) {
                    removal.remove(root, entry.path());
                }
            }
        });
    }
}
