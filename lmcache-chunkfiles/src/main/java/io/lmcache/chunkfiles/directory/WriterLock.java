package io.lmcache.chunkfiles.directory;

import io.lmcache.api.posix.FileModes;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Set;

/**
 * The sign of life of one writer in a root: a locked file that the operating system unlocks when the process ends,
 * however it ends.
 *
 * <p>A writer's id is {@code {pid}-{random of the process}-{random of the instance}}, and its temporary files carry it.
 * POSIX drops all locks of a process on a file as soon as it closes any descriptor of it, so the lock file of a writer
 * in this process is never opened a second time: the id's middle tells. Thread-safe.
 */
final class WriterLock implements AutoCloseable {
    private static final String SUFFIX = ".lock";
    private static final int ATTEMPTS = 10;
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
            if (isLocked(channel, file)) {
                return new WriterLock(id, file, channel);
            }
            channel.close();
        }
        throw new IOException("no writer's lock in " + writers + " could be kept; is another program clearing it?");
    }

    private static boolean isLocked(FileChannel channel, Path file) throws IOException {
        try {
            // Between creation and lock, a peer's janitor may have taken the file for a dead writer's.
            return channel.tryLock() != null && Files.exists(file);
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    String id() {
        return id;
    }

    /** Whether the writer of that id lives, in this process or another. The lock file of a dead one is removed. */
    static boolean isAlive(Path writers, String id) throws IOException {
        if (id.startsWith(PROCESS)) {
            return true;
        }
        Path file = writers.resolve(id + SUFFIX);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            if (lock == null) {
                return true;
            }
            Files.deleteIfExists(file);
            return false;
        } catch (NoSuchFileException e) {
            return false;
        } catch (OverlappingFileLockException e) {
            // Another instance in this process is looking at the same file right now, and will clear it if need be.
            return true;
        }
    }

    @Override
    public void close() throws IOException {
        try (channel) {
            Files.deleteIfExists(file);
        }
    }
}
