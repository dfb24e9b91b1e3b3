package io.lmcache.chunkfiles.directory;

import io.lmcache.chunkfiles.directory.Counters.Event;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * One pass over the files of one root: measures them, and removes what is stale and what is too much.
 *
 * <p>A file that cannot be removed is counted and passed over. Needs memory for the chunks that it evicts, not for those
 * that it sees. Confined to one thread.
 */
final class RootSweep {
    private static final int DEPTH = 3;
    private static final int MAX_EVICTION_ROUNDS = 8;
    private static final int QUARANTINE_FILES = 64;
    private static final Duration QUARANTINE_TIME = Duration.ofDays(1);
    // A chunk is there before its metadata file, so what has no chunk lost it; unless one comes back this very moment.
    private static final Duration ORPHAN_TIME = Duration.ofMinutes(1);

    private record Candidate(String name, long bytes, FileTime lastUse) {}

    private interface ChunkVisitor {
        void visit(Path file, BasicFileAttributes attributes);
    }

    private final ChunkRoot root;
    private final ChunkRemoval removal;
    private final Counters counters;
    private final Instant now;
    private final BooleanSupplier stopped;
    private final Map<String, Boolean> livingWriters = new HashMap<>();
    private final Set<String> passedOver = new HashSet<>();

    RootSweep(ChunkRoot root, ChunkRemoval removal, Counters counters, Instant now, BooleanSupplier stopped) {
        this.root = root;
        this.removal = removal;
        this.counters = counters;
        this.now = now;
        this.stopped = stopped;
    }

    /** Counts what is there, for the budget of a limited root, and removes nothing. */
    void measure() throws IOException {
        if (root.budget().isLimited()) {
            survey(_ -> false, (_, _) -> {});
        }
    }

    /**
     * Removes what dead writers and lost chunks left behind, what expired, and what lay in quarantine for long; counts what
     * remains. Where nothing is limited and nobody died, the chunks are not looked at: a shared directory can have a
     * million.
     */
    void tidy(Duration timeToLive) throws IOException {
        boolean hasAnyDied = forgetDeadWriters();
        trimQuarantine();
        if (!hasAnyDied && timeToLive.isZero() && !root.budget().isLimited()) {
            return;
        }
        FileTime oldest =
                timeToLive.isZero() ? FileTime.fromMillis(Long.MIN_VALUE) : FileTime.from(now.minus(timeToLive));
        survey(chunk -> chunk.lastUse().compareTo(oldest) < 0 && evict(chunk, Event.EXPIRED), this::removeIfStale);
    }

    /** Counts the chunks for which the test, which may remove them, is false, and hands on the other files. */
    private void survey(Predicate<Candidate> isRemoved, ChunkVisitor otherFiles) throws IOException {
        root.budget().beginScan();
        long[] bytes = {quarantinedFiles().stream().mapToLong(RootSweep::size).sum()};
        walk((file, attributes) -> {
            if (!isChunk(file)) {
                otherFiles.visit(file, attributes);
                return;
            }
            Candidate candidate = candidate(file, attributes);
            if (!isRemoved.test(candidate)) {
                bytes[0] += candidate.bytes();
            }
        });
        if (!stopped.getAsBoolean()) {
            root.budget().endScan(bytes[0]);
        }
    }

    private void removeIfStale(Path file, BasicFileAttributes attributes) {
        ChunkRoot.writerOf(fileName(file))
                .filter(writer -> !isAlive(writer))
                .ifPresent(_ -> delete(file, Event.STALE_TEMPORARIES));
        ChunkFileNames.chunkOf(file)
                .filter(chunk -> isOlderThan(ORPHAN_TIME, attributes) && Files.notExists(chunk))
                .ifPresent(_ -> delete(file, Event.STALE_METADATA));
    }

    private boolean isOlderThan(Duration age, BasicFileAttributes attributes) {
        return attributes.lastModifiedTime().toInstant().isBefore(now.minus(age));
    }

    /** Removes the lock files of the dead, whose temporary files come up in a survey; says whether there were any. */
    private boolean forgetDeadWriters() throws IOException {
        boolean hasAnyDied = false;
        for (Path lock : files(root.writers())) {
            hasAnyDied |= !isAlive(fileName(lock).replace(".lock", ""));
        }
        return hasAnyDied;
    }

    private boolean isAlive(String writer) {
        return livingWriters.computeIfAbsent(writer, id -> {
            try {
                return WriterLock.isAlive(root.writers(), id);
            } catch (IOException e) {
                // Without a proof of death its files stay.
                counters.increment(Event.IO_ERRORS);
                return true;
            }
        });
    }

    private void delete(Path file, Event event) {
        try {
            if (Files.deleteIfExists(file)) {
                counters.increment(event);
            }
        } catch (IOException e) {
            counters.increment(Event.UNDELETABLE);
        }
    }

    /** Empties the quarantine but for its newest files. */
    private void trimQuarantine() throws IOException {
        List<Path> files = quarantinedFiles();
        Instant oldest = now.minus(QUARANTINE_TIME);
        for (int i = 0; i < files.size(); i++) {
            boolean isSurplus = i < files.size() - QUARANTINE_FILES;
            if (isSurplus || quarantinedAt(files.get(i)).isBefore(oldest)) {
                delete(files.get(i), Event.QUARANTINE_REMOVED);
            }
        }
    }

    /** The files in quarantine, oldest first. */
    private List<Path> quarantinedFiles() throws IOException {
        List<Path> files = files(root.quarantine());
        files.sort(Comparator.comparing(RootSweep::quarantinedAt));
        return files;
    }

    private static List<Path> files(Path directory) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            List<Path> files = new ArrayList<>();
            entries.forEach(files::add);
            return files;
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
    }

    /** The time in the name: the file's own is that of its last use. A foreign file counts as old. */
    private static Instant quarantinedAt(Path file) {
        try {
            return Instant.ofEpochMilli(Long.parseLong(fileName(file).split("-", 2)[0]));
        } catch (NumberFormatException e) {
            return Instant.EPOCH;
        }
    }

    private static long size(Path file) {
        return file.toFile().length();
    }

    /**
     * Removes least recently used chunks until the root keeps its budget and its free space.
     *
     * @return whether that was achieved
     */
    boolean makeRoom() throws IOException {
        long excess = excess();
        for (int round = 0; excess > 0 && round < MAX_EVICTION_ROUNDS; round++) {
            List<Candidate> oldest = leastRecentlyUsed(excess);
            if (oldest.isEmpty()) {
                return false;
            }
            oldest.forEach(candidate -> evict(candidate, Event.EVICTED));
            excess = excess();
        }
        return excess <= 0;
    }

    private long excess() throws IOException {
        DiskBudget budget = root.budget();
        return stopped.getAsBoolean() ? 0 : Math.max(budget.excess(), root.freeSpaceDeficit(budget.wanted()));
    }

    /** The oldest chunks that together have so many bytes, oldest first; without those that were kept before. */
    private List<Candidate> leastRecentlyUsed(long bytes) throws IOException {
        PriorityQueue<Candidate> newestFirst =
                new PriorityQueue<>(Comparator.comparing(Candidate::lastUse).reversed());
        long[] total = {0};
        walk((file, attributes) -> {
            Candidate candidate = candidate(file, attributes);
            if (!isChunk(file) || passedOver.contains(candidate.name())) {
                return;
            }
            newestFirst.add(candidate);
            total[0] += candidate.bytes();
            while (total[0] - newestFirst.element().bytes() >= bytes) {
                total[0] -= newestFirst.remove().bytes();
            }
        });
        List<Candidate> oldest = new ArrayList<>(newestFirst);
        oldest.sort(Comparator.comparing(Candidate::lastUse));
        return oldest;
    }

    private Candidate candidate(Path file, BasicFileAttributes attributes) {
        String name = root.path().relativize(file).toString();
        return new Candidate(name, ChunkFileNames.bytesOnDisk(name, attributes.size()), attributes.lastModifiedTime());
    }

    /** Removes a chunk and counts it; says whether it is gone. */
    private boolean evict(Candidate chunk, Event event) {
        try {
            return switch (removal.removeUnlessUsed(root, chunk.name(), chunk.lastUse())) {
                case REMOVED -> {
                    counters.increment(event);
                    yield true;
                }
                case ABSENT -> {
                    // Another janitor was faster: that is room as well.
                    root.budget().remove(chunk.bytes());
                    yield true;
                }
                case KEPT -> {
                    passedOver.add(chunk.name());
                    yield false;
                }
            };
        } catch (IOException e) {
            counters.increment(Event.UNDELETABLE);
            passedOver.add(chunk.name());
            return false;
        }
    }

    /** Removes every chunk that is not pinned. */
    void clear() throws IOException {
        try {
            walk((file, attributes) -> {
                if (isChunk(file)) {
                    remove(candidate(file, attributes).name());
                }
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private void remove(String name) {
        try {
            removal.remove(root, name);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private boolean isChunk(Path file) {
        return ChunkFileNames.isChunk(fileName(file));
    }

    private static String fileName(Path file) {
        return String.valueOf(file.getFileName());
    }

    /** Visits the regular files two directories below the root. What goes missing or cannot be read is passed over. */
    private void walk(ChunkVisitor visitor) throws IOException {
        Files.walkFileTree(root.path(), EnumSet.noneOf(FileVisitOption.class), DEPTH, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                return fileName(directory).startsWith(".") && !directory.equals(root.path())
                        ? FileVisitResult.SKIP_SUBTREE
                        : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                if (attributes.isRegularFile()
                        && file.getNameCount() == root.path().getNameCount() + DEPTH) {
                    visitor.visit(file, attributes);
                }
                return stopped.getAsBoolean() ? FileVisitResult.TERMINATE : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
                if (file.equals(root.path())) {
                    throw e;
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException e) {
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
