package io.lmcache.chunkfiles.directory;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.posix.Errno;
import io.lmcache.api.posix.FileModes;
import io.lmcache.api.posix.FileStatus;
import io.lmcache.api.posix.LocalUser;
import io.lmcache.api.posix.PosixFile;
import io.lmcache.chunkfiles.directory.DirectorySettings.OthersMayWrite;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One root of a chunk directory: what lies where below it.
 *
 * <pre>
 *   {root}/88/08/88084...-1f3a....safetensors     a chunk; how it is called is the format's business
 *   {root}/68/47/....kvcache.safetensors          a chunk in a format of LMCache,
 *   {root}/68/47/....kvcache.safetensors.metadata   and what LMCache knows it by
 *   {root}/88/08/.{writer}.{number}.tmp           a chunk that its writer has not published yet
 *   {root}/.lmcache/writers/{writer}.lock         locked for as long as the writer lives
 *   {root}/.lmcache/janitor.lock                  locked while a janitor removes files
 *   {root}/.lmcache/account-{boot id}             what is here, as the writers on one machine count it
 *   {root}/.lmcache/quarantine/{millis}-{name}    a file that failed its check
 * </pre>
 *
 * <p>Thread-safe. Nothing is created, moved, changed or removed by way of a symbolic link below the root.
 */
final class ChunkRoot implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ChunkRoot.class);
    static final String CONTROL = ".lmcache";
    static final String WRITERS = "writers";
    static final String QUARANTINE = "quarantine";
    private static final String JANITOR_LOCK = "janitor.lock";
    private static final Duration SIGN_ON_INTERVAL = Duration.ofSeconds(1);
    private static final long NOBODY = -1;
    private static final int MAY_BE_WRITTEN_BY_OTHERS = 0022;
    private static final int SHARE_OF_HEAP = 64;
    private static final int BYTES_PER_DIRECTORY = 256;

    private final Path path;
    private final FileStore fileStore;
    // Empty where nothing can be written; set under this object's lock.
    private volatile Optional<WriterLock> writer;
    private volatile long signedOnNanos;
    private final DirectoryAccount account;
    private final DiskBudget budget;
    private final long minFreeBytes;
    // Guarded by this object.
    private boolean isClosed;
    private final AtomicLong temporaries = new AtomicLong();
    // Directories that no link led to when a chunk was looked up there. Who opens a file there looks again.
    private final Cache<String, Boolean> linkFree = Caffeine.newBuilder()
            .maximumSize(Runtime.getRuntime().maxMemory() / SHARE_OF_HEAP / BYTES_PER_DIRECTORY)
            .executor(Runnable::run)
            .build();

    private ChunkRoot(Path path, Optional<WriterLock> writer, DirectorySettings settings) throws IOException {
        this.path = path;
        this.fileStore = Files.getFileStore(path);
        this.writer = writer;
        this.signedOnNanos = System.nanoTime();
        this.account = writer.isPresent()
                ? DirectoryAccount.open(
                        path.resolve(CONTROL), WriterLock.numberOf(writer.get().id()))
                : DirectoryAccount.ofOne(NOBODY);
        this.budget = new DiskBudget(settings.maxBytesOfRoot(), account);
        this.minFreeBytes = settings.minFreeBytes();
    }

    /**
     * Opens a root; creates it when it is missing.
     *
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when chunks cannot be stored there
     */
    static ChunkRoot open(Path path, DirectorySettings settings) {
        try {
            Files.createDirectories(path, FileModes.PRIVATE_DIRECTORY);
            return opened(path.toRealPath(), settings);
        } catch (FileAlreadyExistsException e) {
            throw new LmcacheException(
                    ErrorCode.START_FAILED,
                    "Chunk directory '" + path + "': '" + e.getFile()
                            + "' is a file or a link, not a directory; remove it or name another path",
                    e);
        } catch (IOException e) {
            throw new LmcacheException(
                    ErrorCode.START_FAILED,
                    "Chunk directory '" + path + "' cannot be used: " + e
                            + "; name a path where this user may create files and lock them",
                    e);
        }
    }

    private static ChunkRoot opened(Path real, DirectorySettings settings) throws IOException {
        requireOwn(real, settings.othersMayWrite());
        Optional<WriterLock> writer;
        try {
            writer = Optional.of(signedOn(real));
        } catch (IOException e) {
            if (!Errno.EROFS.isCauseOf(e)) {
                throw e;
            }
            LOG.warn(
                    "Chunk directory {} is on a file system that is mounted read-only: what is there is read, nothing is"
                            + " stored or removed",
                    real);
            writer = Optional.empty();
        }
        boolean isOpen = false;
        try {
            ChunkRoot root = new ChunkRoot(real, writer, settings);
            isOpen = true;
            return root;
        } finally {
            if (!isOpen && writer.isPresent()) {
                writer.get().close();
            }
        }
    }

    /** Looks who may write there, besides this process's user and the administrator. */
    private static void requireOwn(Path root, OthersMayWrite answer) throws IOException {
        FileStatus status = PosixFile.status(root);
        boolean isOwn = status.user() == LocalUser.id() || status.user() == 0;
        if (answer == OthersMayWrite.ALLOW || (isOwn && (status.permissions() & MAY_BE_WRITTEN_BY_OTHERS) == 0)) {
            return;
        }
        String objection = "others may write there (owner " + status.user() + ", mode "
                + Integer.toOctalString(status.permissions())
                + "), and so remove or replace chunks; make it this user's alone (chown, chmod 700), or set "
                + DirectorySettings.GDS_PATH_OTHERS_MAY_WRITE.name() + ": allow";
        if (answer == OthersMayWrite.REFUSE) {
            throw new LmcacheException(
                    ErrorCode.START_FAILED, "Chunk directory '" + root + "' is not used: " + objection);
        }
        LOG.warn("Chunk directory {}: {}", root, objection);
    }

    /** A new writer in a root that is there, with what it needs there. */
    private static WriterLock signedOn(Path root) throws IOException {
        createDirectory(root.resolve(CONTROL));
        createDirectory(writers(root));
        createDirectory(quarantine(root));
        return WriterLock.acquire(writers(root));
    }

    /**
     * Makes sure that this writer is known to its peers: somebody may have removed the root, or our folder in it, or the file
     * system could not be written to before. Costs one system call a second.
     *
     * @throws IOException when it cannot be had
     */
    void ensureSignedOn() throws IOException {
        if (writer.isEmpty() || System.nanoTime() - signedOnNanos > SIGN_ON_INTERVAL.toNanos()) {
            signOnIfLost();
        }
    }

    /** The same at once. */
    synchronized void signOnIfLost() throws IOException {
        if (isClosed) {
            throw new IOException("Chunk directory " + path + " is closed");
        }
        if (writer.filter(WriterLock::isThere).isEmpty()) {
            // The root itself is not made: where a file system was unmounted, nothing is to be stored beneath.
            WriterLock lost = writer.orElse(null);
            WriterLock found = signedOn(path);
            writer = Optional.of(found);
            account.reopen(path.resolve(CONTROL), WriterLock.numberOf(found.id()));
            LOG.warn("Chunk directory {}: this writer has signed on anew, since it was not known there", path);
            if (lost != null) {
                lost.close();
            }
        }
        signedOnNanos = System.nanoTime();
    }

    /** Whether this instance can write here, as far as is known. */
    boolean isWritable() {
        return writer.isPresent();
    }

    private static Path writers(Path root) {
        return root.resolve(CONTROL).resolve(WRITERS);
    }

    private static Path quarantine(Path root) {
        return root.resolve(CONTROL).resolve(QUARANTINE);
    }

    Path path() {
        return path;
    }

    Path writers() {
        return writers(path);
    }

    Path quarantine() {
        return quarantine(path);
    }

    DiskBudget budget() {
        return budget;
    }

    DirectoryAccount account() {
        return account;
    }

    /** Whether this library keeps a file of that name in its own folder. */
    static boolean isControlFile(String fileName) {
        return fileName.equals(JANITOR_LOCK) || DirectoryAccount.isFile(fileName);
    }

    /**
     * Makes sure that no directory between the root and the file is a link.
     *
     * @throws IOException when one is, or is no directory; {@link NoSuchFileException} when one is not there
     */
    void requireNoLinks(Path file) throws IOException {
        PlainFiles.requireNoLinks(path, file);
    }

    /** What a chunk takes of the disk, metadata file included, from the length of its own file. */
    long bytesOnDisk(String name, long fileBytes) throws IOException {
        Path chunk = resolve(name);
        long bytes = ChunkDirectoryWalk.bytesOnDisk(chunk, fileBytes);
        Optional<Path> metadata = ChunkFileNames.metadataOf(chunk);
        Optional<BasicFileAttributes> file = metadata.isEmpty() ? Optional.empty() : attributes(metadata.get());
        return bytes + file.map(BasicFileAttributes::size).orElse(0L);
    }

    /** Sets when a chunk was used last, if that can be done. */
    void setLastUse(String name, Instant time) {
        Path file = resolve(name);
        try {
            requireNoLinks(file);
            Files.getFileAttributeView(file, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
                    .setTimes(FileTime.from(time), null, null);
        } catch (IOException e) {
            // The chunk may be evicted a little early for it; or it is gone already.
            LOG.debug("Time of last use of {} could not be set", file, e);
        }
    }

    Path resolve(String name) {
        return path.resolve(name);
    }

    /** Notes that the way to a file leads over a link: a lookup is not to take it for one without. */
    void noteLinkBefore(Path file) {
        linkFree.invalidate(directoryOf(file));
    }

    private String directoryOf(Path file) {
        String below = path.relativize(file).toString();
        return below.substring(0, Math.max(0, below.lastIndexOf('/')));
    }

    /**
     * The attributes of a chunk's file; empty when there is no such plain file. Costs one system call, and the first that is
     * found in a directory one more for each directory on the way: one that is a link leads elsewhere.
     */
    Optional<BasicFileAttributes> attributes(String name) throws IOException {
        try {
            return attributes(resolve(name));
        } catch (IOException e) {
            if (!Errno.ESTALE.isCauseOf(e)) {
                throw e;
            }
            // A directory on the way is no longer the one that the client of a network file system remembers; now it
            // asks.
            return attributes(resolve(name));
        }
    }

    private Optional<BasicFileAttributes> attributes(Path file) throws IOException {
        try {
            Optional<BasicFileAttributes> there =
                    PlainFiles.attributesIfExists(file).filter(BasicFileAttributes::isRegularFile);
            if (there.isPresent() && linkFree.getIfPresent(directoryOf(file)) == null) {
                requireNoLinks(file);
                linkFree.put(directoryOf(file), true);
            }
            return there;
        } catch (NoSuchFileException | NotDirectoryException e) {
            return Optional.empty();
        } catch (IOException e) {
            if (Errno.ENOTDIR.isCauseOf(e)) {
                // Something else has the name of a directory for chunks.
                return Optional.empty();
            }
            throw e;
        }
    }

    /** The bytes to free so that the file system keeps its reserve and so many bytes more fit; 0 when all is well. */
    long freeSpaceDeficit(long bytes) throws IOException {
        return Math.max(0, minFreeBytes + bytes - fileStore.getUsableSpace());
    }

    /** Whether the file system itself has no room for so many bytes. */
    boolean isFull(long bytes) throws IOException {
        return fileStore.getUsableSpace() < bytes;
    }

    /** A name for a temporary file beside the chunk; never used before. */
    Path newTemporary(String name) {
        String id = writer.orElseThrow(() -> new IllegalStateException(path + " is read-only"))
                .id();
        return resolve(name).resolveSibling("." + id + "." + temporaries.incrementAndGet() + ".tmp");
    }

    /** Creates the directories between the root, which must be there, and the chunk; follows no links. */
    void createParents(String name) throws IOException {
        Path below = Path.of(name);
        Path directory = path;
        for (int level = 0; level < below.getNameCount() - 1; level++) {
            directory = directory.resolve(below.getName(level));
            createDirectory(directory);
        }
    }

    private static void createDirectory(Path directory) throws IOException {
        try {
            Files.createDirectory(directory, FileModes.PRIVATE_DIRECTORY);
        } catch (FileAlreadyExistsException e) {
            if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
                throw e;
            }
        }
    }

    /** Removes the directories between the root and a chunk that was removed, as far as they are empty. */
    void removeEmptyDirectoriesOf(String name) throws IOException {
        Path below = Path.of(name);
        requireNoLinks(resolve(name));
        try {
            for (int levels = below.getNameCount() - 1; levels > 0; levels--) {
                Files.deleteIfExists(resolve(below.subpath(0, levels).toString()));
            }
        } catch (DirectoryNotEmptyException e) {
            LOG.trace("{} has other chunks", e.getFile());
        }
    }

    /** What tells the file at that path, as it is now, from others that may be there later; empty without a file. */
    static Optional<Object> identityOf(Path file) throws IOException {
        return PlainFiles.attributesIfExists(file).map(BasicFileAttributes::fileKey);
    }

    /** Removes a chunk's file, and before it what belongs to it; says whether the file was there. */
    boolean delete(Path file) throws IOException {
        try {
            requireNoLinks(file);
        } catch (NoSuchFileException | NotDirectoryException e) {
            // What lies behind a link is not here.
            return false;
        }
        deleteMetadataOf(file);
        return Files.deleteIfExists(file);
    }

    private static void deleteMetadataOf(Path file) throws IOException {
        Optional<Path> metadata = ChunkFileNames.metadataOf(file);
        if (metadata.isPresent()) {
            Files.deleteIfExists(metadata.get());
        }
    }

    /**
     * Takes a file away from readers: into quarantine, or off the disk where that fails.
     *
     * @param identity the identity of the file that is meant; another one stays
     */
    void quarantine(Path file, Object identity, long nowMillis) throws IOException {
        requireNoLinks(file);
        deleteMetadataOf(file);
        Path target = quarantine()
                .resolve(ChunkFileNames.inQuarantine(file.getFileName().toString(), nowMillis));
        try {
            requireNoLinks(target);
            Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            // What matters is that nobody reads it.
            if (identityOf(file).equals(Optional.of(identity))) {
                Files.deleteIfExists(file);
            }
            return;
        }
        if (!identityOf(target).equals(Optional.of(identity))) {
            giveBack(target, file);
        }
    }

    /** Gives a temporary file its name, in place of what is there; a directory there makes way. */
    void publish(Path temporary, Path target, long nowMillis) throws IOException {
        try {
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            if (!Files.isDirectory(target, LinkOption.NOFOLLOW_LINKS)) {
                throw e;
            }
            removeDirectory(target, nowMillis);
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        }
    }

    /** Removes a directory that is empty; moves another one, whose files are somebody's, to quarantine. */
    private void removeDirectory(Path directory, long nowMillis) throws IOException {
        try {
            Files.delete(directory);
        } catch (DirectoryNotEmptyException e) {
            Path target = quarantine()
                    .resolve(ChunkFileNames.inQuarantine(directory.getFileName().toString(), nowMillis));
            requireNoLinks(target);
            Files.move(directory, target, StandardCopyOption.ATOMIC_MOVE);
            LOG.warn("A directory had the name of a chunk file, {}; it is now {}", directory, target);
        }
    }

    /** Undoes the move of a file that a writer has put in the place of the one that was judged. */
    private static void giveBack(Path quarantined, Path file) throws IOException {
        if (ChunkFileNames.metadataOf(file).isPresent()) {
            // The writer's metadata file may just have been deleted. A chunk without one is found here, so it is not
            // stored
            // again, but never by LMCache; one that is gone is computed again by whoever asks.
            Files.deleteIfExists(quarantined);
        } else {
            Files.move(quarantined, file, StandardCopyOption.ATOMIC_MOVE);
        }
    }

    /**
     * The right to remove files, among the janitors of all processes; empty while another has it. It ends with the
     * channel.
     *
     * <p>Two instances in one process can end up with the right at the same time, since POSIX keeps locks by process. That
     * does no harm: they remove the same, least recently used, files, and a file that is gone counts as room made.
     */
    Optional<FileChannel> tryLockJanitor() throws IOException {
        Path file = path.resolve(CONTROL).resolve(JANITOR_LOCK);
        FileChannel channel = PlainFiles.openOwn(path, file, Set.of(StandardOpenOption.WRITE));
        boolean locked = false;
        try {
            locked = channel.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            // Held by another instance in this process.
            locked = false;
        } catch (IOException e) {
            if (!WriterLock.areLocksMissing(e)) {
                throw e;
            }
            // Nobody can have the right alone there, and several that have it do no harm.
            locked = true;
        } finally {
            if (!locked) {
                channel.close();
            }
        }
        return locked ? Optional.of(channel) : Optional.empty();
    }

    /** Signs the writer off. */
    @Override
    public synchronized void close() throws IOException {
        isClosed = true;
        try (WriterLock _ = writer.orElse(null)) {
            if (account.close()) {
                // Who opens it this very moment counts for itself, and learns of the others by scans.
                Path file = DirectoryAccount.file(path.resolve(CONTROL));
                requireNoLinks(file);
                Files.deleteIfExists(file);
            }
        }
    }

    @Override
    public String toString() {
        return path.toString();
    }
}
