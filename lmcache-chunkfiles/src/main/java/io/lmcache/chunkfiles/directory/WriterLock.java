package io.lmcache.chunkfiles.directory;

import io.lmcache.api.posix.Errno;
import io.lmcache.api.posix.FileModes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sign of life of one writer in a root: a locked file that the operating system unlocks when the process ends,
 * however it ends.
 *
 * <p>A writer's id is {@code {pid}-{random of the process}-{random of the instance}}, and its temporary files carry it.
 * POSIX drops all locks of a process on a file as soon as it closes any descriptor of it, so the lock file of a writer
 * in this process is never opened a second time: the id's middle tells.
 *
 * <p>Where the file system has no locks, a writer's file is there and not locked, and nobody can prove a writer dead: all
 * count as alive, so what a killed one leaves stays. Such a file says so, for peers that have locks. Thread-safe.
 */
final class WriterLock implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(WriterLock.class);
    private static final String SUFFIX = ".lock";
    /** The regular expression of ids. */
    static final String ID = "[0-9]+-[0-9a-f]{16}-[0-9a-f]{16}";

    private static final Pattern FILE = Pattern.compile("(" + ID + ")\\.lock");
    private static final int ATTEMPTS = 10;
    private static final byte[] UNLOCKED = "This writer has no locks.\n".getBytes(StandardCharsets.US_ASCII);
    private static final String PROCESS = ProcessHandle.current().pid() + "-" + random() + "-";

    private final String id;
    private final Path file;
    private final FileChannel channel;

    private WriterLock(String id, Path file, FileChannel channel) {
        this.id = id;
        this.file = file;
        this.channel = channel;
    }

    private static String random() {
        byte[] bytes = new byte[8];
        new SecureRandom().nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    /** Registers a new writer in that folder. */
    static WriterLock acquire(Path writers) throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            String id = PROCESS + random();
            Path file = writers.resolve(id + SUFFIX);
            FileChannel channel = FileChannel.open(
                    file, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), FileModes.PRIVATE_FILE);
            if (isKept(channel, file)) {
                return new WriterLock(id, file, channel);
            }
            channel.close();
        }
        throw new IOException("no writer's lock in " + writers + " could be kept; is another program clearing it?");
    }

    private static boolean isKept(FileChannel channel, Path file) throws IOException {
        try {
            // Between creation and lock, a peer's janitor may have taken the file for a dead writer's.
            return channel.tryLock() != null && Files.exists(file);
        } catch (IOException e) {
            if (!areLocksMissing(e)) {
                discard(channel, file, e);
                throw e;
            }
            // For peers that have locks there, by another mount: to them it would be free, and its writer dead.
            channel.write(ByteBuffer.wrap(UNLOCKED));
            LOG.warn(
                    "The file system of {} has no file locks ({}), so what killed writers leave there is not cleared away;"
                            + " mount Lustre with the option flock, NFS with a lock manager (rpc.statd) or local_lock=all,"
                            + " FUSE with locks",
                    file.getParent(),
                    e.getMessage());
            return true;
        }
    }

    private static void discard(FileChannel channel, Path file, IOException cause) {
        try (channel) {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }

    /** Whether the failure to lock says that the file system has no locks at all. */
    static boolean areLocksMissing(IOException failure) {
        return Stream.of(Errno.ENOSYS, Errno.ENOLCK, Errno.EOPNOTSUPP).anyMatch(errno -> errno.isCauseOf(failure));
    }

    String id() {
        return id;
    }

    /** Whether the file is there, which peers look for. */
    boolean isThere() {
        return Files.exists(file, LinkOption.NOFOLLOW_LINKS);
    }

    /** The id of the writer whose lock file has that name; empty when it is none. */
    static Optional<String> writerOf(String fileName) {
        Matcher matcher = FILE.matcher(fileName);
        return matcher.matches() ? Optional.of(matcher.group(1)) : Optional.empty();
    }

    /** A number that this writer has and no other: the id's end. */
    static long numberOf(String id) {
        return Long.parseUnsignedLong(id.substring(id.lastIndexOf('-') + 1), 16);
    }

    /** Whether the writer of that id lives, in this process or another, or may live, where nobody can tell. */
    static boolean isAlive(Path writers, String id) throws IOException {
        return isAlive(writers, id, _ -> {});
    }

    /** Removes the lock file of a writer if that is dead. */
    static void forgetIfDead(Path writers, String id) throws IOException {
        isAlive(writers, id, Files::deleteIfExists);
    }

    /** What is done with the lock file of a dead writer, while it is locked by this one. */
    private interface Burial {
        void of(Path lockFile) throws IOException;
    }

    private static boolean isAlive(Path writers, String id, Burial burial) throws IOException {
        if (id.startsWith(PROCESS)) {
            return true;
        }
        Path file = writers.resolve(id + SUFFIX);
        try (FileChannel channel = PlainFiles.open(writers, file, Set.of(StandardOpenOption.WRITE));
                FileLock lock = channel.tryLock()) {
            if (lock == null || channel.size() > 0) {
                return true;
            }
            burial.of(file);
            return false;
        } catch (NoSuchFileException e) {
            return false;
        } catch (OverlappingFileLockException e) {
            // Another instance in this process is looking at the same file right now, and will clear it if need be.
            return true;
        } catch (IOException e) {
            if (areLocksMissing(e)) {
                return true;
            }
            throw e;
        }
    }

    @Override
    public void close() throws IOException {
        try (channel) {
            Files.deleteIfExists(file);
        }
    }
}
