package io.lmcache.chunkfiles.directory;

import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk.Entry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.function.Predicate;

/** What in one root is stale, and goes whether room is needed or not. For one thread. */
public final class Staleness {
    /** Why something is stale. */
    public enum Reason {
        /** A chunk that nobody has used for its time to live. */
        EXPIRED,
        /** A temporary file whose writer is dead. */
        TEMPORARY,
        /** A metadata file whose chunk is gone. */
        METADATA,
        /** A file that has been in quarantine for long, or is not among the newest there. */
        QUARANTINED,
        /** A directory for chunks without any. */
        EMPTY_DIRECTORY
    }

    // A chunk is there before its metadata file, so what has no chunk lost it; unless one comes back this very moment.
    private static final Duration ORPHAN_TIME = Duration.ofMinutes(1);
    // A writer that makes a directory uses it at once; ours makes it again if need be.
    private static final Duration EMPTY_TIME = Duration.ofSeconds(10);
    // The clocks of machines that share a directory may differ by so much.
    private static final Duration CLOCK_SKEW = Duration.ofMinutes(1);

    private final Path root;
    private final Duration timeToLive;
    private final Instant now;
    private final Predicate<String> isAlive;
    private final Instant oldestInQuarantine;

    private Staleness(
            Path root, Duration timeToLive, Instant now, Predicate<String> isAlive, Instant oldestInQuarantine) {
        this.root = root;
        this.timeToLive = timeToLive;
        this.now = now;
        this.isAlive = isAlive;
        this.oldestInQuarantine = oldestInQuarantine;
    }

    /** What a janitor goes by, which looks after the quarantine apart. */
    static Staleness forJanitor(Path root, Duration timeToLive, Instant now, Predicate<String> isAlive) {
        return new Staleness(root, timeToLive, now, isAlive, Instant.MIN);
    }

    /**
     * Staleness in a root that this process does not write to.
     *
     * @param timeToLive how long a chunk stays after its last use; zero for ever
     * @param now the time of day
     */
    public static Staleness in(Path root, Duration timeToLive, Instant now) throws IOException {
        return new Staleness(root, timeToLive, now, writer -> mayLive(root, writer), oldestInQuarantine(root, now));
    }

    private static Instant oldestInQuarantine(Path root, Instant now) throws IOException {
        PriorityQueue<Instant> newest = new PriorityQueue<>();
        new ChunkDirectoryWalk(root, () -> false).visitQuarantine(new ChunkDirectoryWalk.Visitor() {
            @Override
            public void visit(Entry entry) {
                if (entry.kind() == ChunkDirectoryWalk.Kind.QUARANTINED) {
                    newest.add(ChunkFileNames.quarantinedAt(entry.fileName()));
                    if (newest.size() > RootSweep.QUARANTINE_FILES) {
                        newest.remove();
                    }
                }
            }

            @Override
            public void unreadable(String path, IOException cause) {
                // The walk over everything comes upon it again, and tells.
            }
        });
        Instant oldest = now.minus(RootSweep.QUARANTINE_TIME);
        boolean isFull = newest.size() == RootSweep.QUARANTINE_FILES;
        return isFull && newest.element().isAfter(oldest) ? newest.element() : oldest;
    }

    private static boolean mayLive(Path root, String writer) {
        Path control = root.resolve(ChunkRoot.CONTROL);
        Path writers = control.resolve(ChunkRoot.WRITERS);
        if (isLinked(control) || isLinked(writers)) {
            return true;
        }
        try {
            return WriterLock.isAlive(writers, writer);
        } catch (IOException e) {
            // There is no proof of death.
            return true;
        }
    }

    private static boolean isLinked(Path directory) {
        return Files.exists(directory, LinkOption.NOFOLLOW_LINKS)
                && !Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS);
    }

    /** Why that is stale; empty when it is not. */
    public Optional<Reason> of(Entry entry) {
        return switch (entry.kind()) {
            case CHUNK -> isExpired(entry) ? Optional.of(Reason.EXPIRED) : Optional.empty();
            case METADATA -> isOrphan(entry) ? Optional.of(Reason.METADATA) : Optional.empty();
            case TEMPORARY -> isOfTheDead(entry) ? Optional.of(Reason.TEMPORARY) : Optional.empty();
            case EMPTY_DIRECTORY ->
                isOlderThan(EMPTY_TIME, entry) ? Optional.of(Reason.EMPTY_DIRECTORY) : Optional.empty();
            case QUARANTINED -> isLongInQuarantine(entry) ? Optional.of(Reason.QUARANTINED) : Optional.empty();
            case CONTROL, WRITER, FOREIGN -> Optional.empty();
        };
    }

    /** Whether a chunk was used after now, by its file. It would never expire, and never be the oldest. */
    boolean isFromTheFuture(Entry chunk) {
        return chunk.lastUse().toInstant().isAfter(now.plus(CLOCK_SKEW));
    }

    private boolean isExpired(Entry chunk) {
        return !timeToLive.isZero() && isOlderThan(timeToLive, chunk);
    }

    private boolean isOrphan(Entry metadata) {
        return isOlderThan(ORPHAN_TIME, metadata)
                && ChunkFileNames.chunkOf(root.resolve(metadata.path()))
                        .filter(chunk -> Files.notExists(chunk, LinkOption.NOFOLLOW_LINKS))
                        .isPresent();
    }

    private boolean isOfTheDead(Entry temporary) {
        // Asked anew for each: one who was just about to lock its file when the scan began may be alive.
        return ChunkFileNames.writerOf(temporary.fileName())
                .filter(isAlive.negate())
                .isPresent();
    }

    private boolean isLongInQuarantine(Entry file) {
        return ChunkFileNames.quarantinedAt(file.fileName()).isBefore(oldestInQuarantine);
    }

    /** Whether the writer whose lock file that is has died. */
    public boolean isDead(Entry writer) {
        return WriterLock.writerOf(writer.fileName()).filter(isAlive.negate()).isPresent();
    }

    private boolean isOlderThan(Duration age, Entry entry) {
        return entry.lastUse().toInstant().isBefore(now.minus(age));
    }
}
