package io.lmcache.chunkfiles.directory;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.posix.Errno;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.ChunkPin;
import io.lmcache.api.spi.Counters;
import io.lmcache.api.spi.RateLimitedLog;
import io.lmcache.chunkfiles.directory.DirectorySettings.FsyncMode;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAccumulator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A directory of chunk files that several processes share: which file a chunk is, whether it is there, how a new one gets
 * in, and what goes when space is short. Payload is read and written by the users of this class.
 *
 * <p>What is there is decided by the files alone; the index in memory saves system calls for chunks that were seen before.
 * A directory can have several roots, on several drives: a new chunk goes to its home root, a reader tries that first.
 *
 * <p>Thread-safe. Methods that throw {@link IOException} use the file system and belong on an I/O thread.
 */
public final class ChunkDirectory implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ChunkDirectory.class);
    private static final long MAX_TOUCH_INTERVAL_MILLIS = 60_000;
    // So often within its time to live a chunk in use is touched at least.
    private static final int TOUCHES_PER_LIFE = 4;

    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);
    private static final Duration LAST_CALLS = Duration.ofSeconds(2);
    private static final Duration ROOM_PATIENCE = Duration.ofSeconds(10);
    // Less than the shortest deadline that can be set for a store: a long first count is no failure of the storage.
    private static final Duration COUNT_PATIENCE = Duration.ofMillis(900);
    // So many chunks make room for one that the file system refuses; inodes are freed one by one.
    private static final int CHUNKS_PER_REFUSAL = 8;

    private final DirectorySettings settings;
    private final ChunkFileFormat format;
    private final Counters counters;
    private final Clock clock;
    private final List<ChunkRoot> roots;
    private final ChunkIndex index = new ChunkIndex();
    private final Pins pins = new Pins(this::roomMayBeThere);
    private final RateLimitedLog quarantineLog = new RateLimitedLog(LOG::warn);
    private final RateLimitedLog otherLog = new RateLimitedLog(LOG::warn);
    private final AtomicBoolean inexpressibleExplained = new AtomicBoolean();
    private final ChunkRemoval removal = new ChunkRemoval(pins, index);
    private final Janitor janitor;
    private final LongAccumulator largestMemory = new LongAccumulator(Math::max, 0);

    /** Counters of all that happens to the chunks of a directory. */
    public static Counters newCounters() {
        return new Counters(EnumSet.range(BackendCounter.HITS, BackendCounter.BYTES_WRITTEN));
    }

    private ChunkDirectory(
            DirectorySettings settings, ChunkFileFormat format, Counters counters, Clock clock, List<ChunkRoot> roots) {
        this.settings = settings;
        this.format = format;
        this.counters = counters;
        this.clock = clock;
        this.roots = roots;
        this.janitor = new Janitor(roots, settings.timeToLive(), removal, counters, clock);
    }

    /**
     * Opens the directory; creates roots that are missing. A first look over all files starts in the background.
     *
     * @param counters where events are counted
     * @param clock the time of day, by which chunks expire
     * @throws io.lmcache.api.LmcacheException with {@link io.lmcache.api.ErrorCode#START_FAILED} when a root cannot be used
     */
    public static ChunkDirectory open(
            DirectorySettings settings, ChunkFileFormat format, Counters counters, Clock clock) {
        List<ChunkRoot> roots = new ArrayList<>();
        try {
            settings.paths().forEach(path -> roots.add(ChunkRoot.open(path, settings)));
        } catch (RuntimeException e) {
            roots.forEach(ChunkDirectory::close);
            throw e;
        }
        ChunkDirectory directory = new ChunkDirectory(settings, format, counters, clock, List.copyOf(roots));
        directory.janitor.start();
        return directory;
    }

    /** How chunks are laid out in files. */
    public ChunkFileFormat format() {
        return format;
    }

    /** The roots, as they are on disk. */
    public List<Path> roots() {
        return roots.stream().map(ChunkRoot::path).toList();
    }

    /** Why the chunk can never be stored here; empty when there is no reason but size. */
    public Optional<String> objectionTo(ChunkKey key) {
        return switch (format.name(key)) {
            case ChunkName.Below _ -> Optional.empty();
            case ChunkName.Inexpressible(String reason) -> {
                if (inexpressibleExplained.compareAndSet(false, true)) {
                    LOG.warn(
                            "Chunk directory {} does not store chunks such as {}: {}. This is said once; the counter"
                                    + " 'inexpressible' has the number",
                            roots,
                            key,
                            reason);
                }
                yield Optional.of(reason);
            }
        };
    }

    /** Where the chunk's file is, or would be; empty for one that can never be here, as {@link #objectionTo} says. */
    public Optional<ChunkLocation> locate(ChunkKey key) {
        return switch (format.name(key)) {
            case ChunkName.Below(String path) -> Optional.of(new ChunkLocation(key, path));
            case ChunkName.Inexpressible _ -> Optional.empty();
        };
    }

    /** The time of day. */
    long nowMillis() {
        return clock.millis();
    }

    /** Whether the chunk was seen before and not found missing since; without a system call. */
    public boolean isKnown(ChunkLocation chunk) {
        return index.contains(chunk.name());
    }

    private boolean isOfThisWorld(BasicFileAttributes file) {
        long largest = largestMemory.get();
        return largest == 0 || file.size() - ChunkFileFormat.HEADER_BYTES <= largest;
    }

    /**
     * Notes that there is memory for a chunk of so many bytes. A file that claims to hold more than ever was noted is no chunk,
     * and a put replaces it.
     */
    public void noteMemory(long bytes) {
        largestMemory.accumulate(bytes);
    }

    /** The chunk's file as far as memory goes: it was seen there. Empty when only {@link #find} can tell. */
    public Optional<Path> known(ChunkLocation chunk) {
        OptionalInt root = index.rootOf(chunk.name());
        return root.isEmpty()
                ? Optional.empty()
                : Optional.of(roots.get(root.getAsInt()).resolve(chunk.name()));
    }

    /** The chunk's file, if it is there: one system call for each root until it is found, and no exception. */
    public Optional<Path> find(ChunkLocation chunk) throws IOException {
        for (ChunkRoot root : homeFirst(chunk.key())) {
            // What is larger than any memory that it could be read into was never stored by this instance's like.
            Optional<BasicFileAttributes> file = root.attributes(chunk.name()).filter(this::isOfThisWorld);
            if (file.isPresent()) {
                noteSeen(root, chunk.name(), file.get());
                return Optional.of(root.resolve(chunk.name()));
            }
        }
        index.remove(chunk.name());
        return Optional.empty();
    }

    /**
     * Opens a file of this directory, if it is a plain one; {@link NoSuchFileException} where there is none, {@link
     * NotDirectoryException} where a link leads to it.
     */
    public FileChannel open(Path file, Set<? extends OpenOption> options) throws IOException {
        ChunkRoot root = requireRootOf(file);
        try {
            return PlainFiles.open(root.path(), file, options);
        } catch (NotDirectoryException e) {
            root.noteLinkBefore(file);
            throw e;
        }
    }

    /** Looks at the whole of a file of this directory, as {@link WholeFileCheck#of} does. */
    public HeaderCheck checkAll(Path file, ChunkKey key) throws IOException {
        return WholeFileCheck.of(requireRootOf(file).path(), file, format, key);
    }

    private ChunkRoot requireRootOf(Path file) {
        return rootOf(file).orElseThrow(() -> new IllegalArgumentException(file + " is not below " + roots));
    }

    /** Whether LMCache finds the chunk in that file: its metadata file is there, where the format has one. */
    public boolean hasItsMetadata(Path file) {
        return ChunkFileNames.metadataOf(file).map(Files::exists).orElse(true);
    }

    private void noteSeen(ChunkRoot root, String name, BasicFileAttributes file) {
        long payloadBytes = Math.max(0, file.size() - ChunkFileFormat.HEADER_BYTES);
        index.add(
                name, roots.indexOf(root), payloadBytes, file.lastModifiedTime().toMillis());
    }

    private List<ChunkRoot> homeFirst(ChunkKey key) {
        if (roots.size() == 1) {
            return roots;
        }
        List<ChunkRoot> order = new ArrayList<>(roots);
        ChunkRoot home = home(key);
        order.remove(home);
        order.addFirst(home);
        return order;
    }

    private ChunkRoot home(ChunkKey key) {
        return switch (settings.sharding()) {
            // Not the bytes that name the directories: with a power of two of roots, most directories would stay empty.
            case BY_HASH -> roots.get(Byte.toUnsignedInt(key.hash().toBytes()[7]) % roots.size());
            case BY_GPU -> roots.get(settings.device() % roots.size());
        };
    }

    /** Notes that the chunk was read from that file and passed its check; now and then, on the disk too. */
    public void noteHit(ChunkLocation chunk, Path file) {
        if (isTouchDue(chunk.name())) {
            rootOf(file).ifPresent(root -> root.setLastUse(chunk.name(), clock.instant()));
        }
    }

    private boolean isTouchDue(String name) {
        long life = settings.timeToLive().toMillis();
        long interval =
                life == 0 ? MAX_TOUCH_INTERVAL_MILLIS : Math.min(MAX_TOUCH_INTERVAL_MILLIS, life / TOUCHES_PER_LIFE);
        return index.claimTouch(name, clock.millis(), interval);
    }

    private Optional<ChunkRoot> rootOf(Path file) {
        return roots.stream().filter(root -> file.startsWith(root.path())).findFirst();
    }

    /** Notes that the chunk is not there any more. */
    public void noteMissing(ChunkLocation chunk) {
        index.remove(chunk.name());
    }

    /**
     * Whether a read failed because a peer has taken the file away meanwhile. Then it is forgotten, and another read finds
     * what is there now.
     */
    public boolean noteVanished(ChunkLocation chunk, Exception failure) {
        boolean hasVanished = failure instanceof NoSuchFileException
                || Errno.ENOENT.isCauseOf(failure)
                || Errno.ESTALE.isCauseOf(failure);
        if (hasVanished) {
            noteMissing(chunk);
        }
        return hasVanished;
    }

    /**
     * Notes that the chunk's file is another chunk's, which has the same name in this format. The file stays.
     *
     * @param reason what tells, as the predicate of a sentence about the file
     */
    public void noteOther(Path file, String reason) {
        counters.increment(BackendCounter.OTHER);
        otherLog.warn("Chunk file " + file + " " + reason + "; it stays, and the chunk is computed again");
    }

    /**
     * Takes a file that failed its check away from readers, unless it passes at a second look: another writer may have
     * replaced it since.
     *
     * @param reason what is wrong with it, as the predicate of a sentence about the file
     */
    public void quarantine(ChunkLocation chunk, Path file, String reason) {
        noteMissing(chunk);
        rootOf(file).ifPresent(root -> quarantine(root, chunk.key(), file, reason));
    }

    private void quarantine(ChunkRoot root, ChunkKey key, Path file, String reason) {
        try {
            Optional<Object> identity = ChunkRoot.identityOf(file);
            if (identity.isEmpty()) {
                // Somebody else took it away.
                return;
            }
            switch (secondLook(key, file)) {
                case GONE -> {}
                case SOUND -> noteMisread(file, reason);
                case FAULTY -> takeAway(root, file, identity.get(), reason);
            }
        } catch (IOException e) {
            counters.increment(BackendCounter.UNDELETABLE);
            LOG.debug("Chunk file {} can neither be moved nor removed; every read of it will be a miss", file, e);
        }
    }

    /** What a file that failed its check is like now. */
    private enum SecondLook {
        GONE,
        SOUND,
        FAULTY
    }

    private SecondLook secondLook(ChunkKey key, Path file) {
        try {
            return checkAll(file, key) instanceof HeaderCheck.Invalid ? SecondLook.FAULTY : SecondLook.SOUND;
        } catch (NoSuchFileException e) {
            return SecondLook.GONE;
        } catch (IOException e) {
            LOG.debug("Chunk file {} cannot be read at a second look either", file, e);
            return SecondLook.FAULTY;
        }
    }

    private void noteMisread(Path file, String reason) {
        counters.increment(BackendCounter.MISREAD);
        quarantineLog.warn(
                "Chunk file " + file + " " + reason + ", but passes at a second look: a writer has replaced it,"
                        + " or it was read wrongly; if this goes on, check the drive and the memory");
    }

    private void takeAway(ChunkRoot root, Path file, Object identity, String reason) throws IOException {
        counters.increment(BackendCounter.CORRUPT);
        quarantineLog.warn(
                "Chunk file " + file + " " + reason + "; it goes to quarantine, and the chunk is computed again");
        root.quarantine(file, identity, clock.millis());
    }

    /** Whether a chunk of that size can ever be stored here. */
    public boolean canEverHold(ChunkMeta meta) {
        return roots.getFirst().budget().canEverHold(format.bytesOnDisk(meta));
    }

    /**
     * A new file for the chunk, in its home root; empty when there is no room now. Then {@link #makeRoom} may help.
     *
     * <p>The caller closes it.
     */
    public Optional<NewChunkFile> tryCreate(ChunkLocation chunk, ChunkMeta meta) throws IOException {
        ChunkRoot root = home(chunk.key());
        root.ensureSignedOn();
        try {
            return tryCreate(root, chunk, meta);
        } catch (NoSuchFileException e) {
            // The root is gone since.
            root.signOnIfLost();
            return tryCreate(root, chunk, meta);
        }
    }

    private Optional<NewChunkFile> tryCreate(ChunkRoot root, ChunkLocation chunk, ChunkMeta meta) throws IOException {
        long bytes = format.bytesOnDisk(meta);
        if (root.freeSpaceDeficit(bytes) > 0 || !root.budget().tryReserve(bytes)) {
            return Optional.empty();
        }
        boolean created = false;
        try {
            NewChunkFile file = NewChunkFile.create(this, root, chunk.name(), chunk.key(), meta);
            created = true;
            return Optional.of(file);
        } finally {
            if (!created) {
                root.budget().release(bytes);
            }
        }
    }

    /** How long a put waits for room in all: less as long as it is not known what is here, since that may take long. */
    public Duration patience(ChunkLocation chunk) {
        return home(chunk.key()).budget().isMeasured() ? ROOM_PATIENCE : COUNT_PATIENCE;
    }

    /**
     * Asks for room for a chunk. Completes, normally in any case, when all was done that can be done.
     *
     * @param isRefused whether the file system has refused the chunk, although there seems to be room
     * @return whether there was room then; peers may have taken it since
     */
    public CompletableFuture<Boolean> makeRoom(ChunkLocation chunk, ChunkMeta meta, boolean isRefused) {
        DiskBudget budget = home(chunk.key()).budget();
        long bytes = format.bytesOnDisk(meta);
        if (isRefused) {
            budget.demand(bytes * CHUNKS_PER_REFUSAL);
        }
        budget.want(bytes);
        return janitor.requestRoom().whenComplete((_, _) -> budget.unwant(bytes));
    }

    /** Whether the file system of the chunk's home root has no room for it, which tells a full disk from a broken one. */
    public boolean isDiskFull(ChunkLocation chunk, ChunkMeta meta) throws IOException {
        return home(chunk.key()).isFull(format.bytesOnDisk(meta));
    }

    void published(ChunkRoot root, String name, ChunkMeta meta) {
        root.budget().publish(format.bytesOnDisk(meta));
        index.add(name, roots.indexOf(root), meta.byteSize(), clock.millis());
    }

    private void roomMayBeThere() {
        janitor.retryWhenStuck();
    }

    FsyncMode fsync() {
        return settings.fsync();
    }

    /** A pin on a chunk that is known to be here. */
    public Optional<ChunkPin> tryPin(ChunkLocation chunk) {
        Optional<ChunkPin> pin = pins.tryPin(chunk.name());
        // Asked under the pin: a removal forgets the chunk before it lets go of the name.
        if (pin.isPresent() && !index.contains(chunk.name())) {
            pin.get().close();
            return Optional.empty();
        }
        return pin;
    }

    /** Removes the chunk from every root, unless it is pinned; says whether there was one. */
    public boolean remove(ChunkLocation chunk) throws IOException {
        boolean removed = false;
        for (ChunkRoot root : homeFirst(chunk.key())) {
            removed |= removal.remove(root, chunk.name()) == ChunkRemoval.Outcome.REMOVED;
        }
        return removed;
    }

    /** How many files {@link #clear} has looked at so far, by which one sees that it gets on. */
    public long cleared() {
        return janitor.cleared();
    }

    /** Tells of a chunk's file whether it is meant. */
    @FunctionalInterface
    public interface FileTest {
        /** Whether the file, below that root, is meant; false when it is gone. */
        boolean isMeant(Path root, Path file) throws IOException;
    }

    /** Removes every such chunk that this instance has not pinned, whoever stored it. */
    public void clear(FileTest which) throws IOException {
        janitor.clear(which);
    }

    /** Looks over all files in the background: what is stale goes, and what is too much. Completes afterwards. */
    public CompletableFuture<Void> clean() {
        return janitor.requestSweep().thenRun(() -> {});
    }

    /** The chunks known to be here. */
    public long knownChunks() {
        return index.chunks();
    }

    /** The payload bytes of these. */
    public long knownBytes() {
        return index.payloadBytes();
    }

    /** Ends the background work and signs this writer off, within a bound. The chunks stay. */
    @Override
    public void close() {
        close(System.nanoTime() + CLOSE_TIMEOUT.toNanos());
    }

    /** The same, until {@link System#nanoTime()} at most, and a moment. */
    public void close(long deadlineNanos) {
        janitor.close(Math.max(deadlineNanos, System.nanoTime() + LAST_CALLS.toNanos()));
        try {
            if (!BoundedCall.inTime("lmcache-sign-off", LAST_CALLS, () -> roots.forEach(ChunkDirectory::close))) {
                LOG.warn("Chunk directory {}: the file system hangs, so this writer's lock file stays", roots);
            }
        } catch (IOException e) {
            LOG.warn("Chunk directory {}: this writer could not sign off", roots, e);
        }
    }

    private static void close(ChunkRoot root) {
        try {
            root.close();
        } catch (IOException e) {
            LOG.warn("Chunk directory {}: the writer's lock file could not be removed", root, e);
        }
    }
}
