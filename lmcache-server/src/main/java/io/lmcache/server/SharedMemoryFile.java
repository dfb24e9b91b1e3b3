package io.lmcache.server;

import io.lmcache.api.posix.LocalUser;
import io.lmcache.server.protocol.Reason;
import io.lmcache.server.protocol.SharedMemory;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import java.util.Map;
import java.util.Objects;

/** POSIX shared memory of an engine, mapped. Thread-safe. */
final class SharedMemoryFile implements Closeable {
    private static final Path DIRECTORY = Path.of("/dev/shm");

    private final Path file;
    private final FileChannel channel;
    private final MemorySegment segment;

    private SharedMemoryFile(Path file, FileChannel channel, MemorySegment segment) {
        this.file = file;
        this.channel = channel;
        this.segment = segment;
    }

    /** Maps it until the arena is closed; checks first that it is what the engine may share. */
    static SharedMemoryFile map(SharedMemory memory, Arena arena) {
        Path file = file(memory.getName());
        try {
            FileChannel channel = FileChannel.open(
                    file, StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
            boolean mapped = false;
            try {
                requireOwnFile(file, memory.getInode());
                requireSize(file, memory.getSize(), channel.size());
                MemorySegment segment = channel.map(MapMode.READ_WRITE, 0, memory.getSize(), arena);
                mapped = true;
                return new SharedMemoryFile(file, channel, segment);
            } finally {
                if (!mapped) {
                    channel.close();
                }
            }
        } catch (NoSuchFileException e) {
            throw refused(
                    file, "is not there; an engine in another container has to share the IPC namespace or /dev/shm");
        } catch (IOException e) {
            throw refused(file, "cannot be mapped: " + e);
        }
    }

    private static Path file(String name) {
        String plain = name.startsWith("/") ? name.substring(1) : name;
        if (plain.isEmpty() || plain.startsWith(".") || plain.indexOf('/') >= 0 || plain.indexOf('\0') >= 0) {
            throw Refusal.badArgument(
                    "'%s' is no name of shared memory; pass the name that shm_open was called with", name);
        }
        return DIRECTORY.resolve(plain);
    }

    private static void requireOwnFile(Path file, long inode) throws IOException {
        Map<String, Object> attributes =
                Files.readAttributes(file, "unix:isRegularFile,uid,ino", LinkOption.NOFOLLOW_LINKS);
        if (!Boolean.TRUE.equals(attributes.get("isRegularFile"))) {
            throw refused(file, "is not a plain file");
        }
        if (!Objects.equals(attributes.get("uid"), LocalUser.id())) {
            throw refused(
                    file,
                    "belongs to user " + attributes.get("uid") + ", this server runs as user " + LocalUser.id()
                            + "; run both as one user");
        }
        if (inode != 0 && !Objects.equals(attributes.get("ino"), inode)) {
            throw refused(file, "was replaced by another file after the engine had mapped it");
        }
    }

    private static void requireSize(Path file, long asked, long there) {
        if (asked < 1 || asked > there) {
            throw refused(file, "has " + there + " bytes, but " + Long.toUnsignedString(asked) + " were registered");
        }
    }

    private static Refusal refused(Path file, String reason) {
        return new Refusal(Reason.BAD_REGION, "Shared memory " + file + " " + reason);
    }

    MemorySegment segment() {
        return segment;
    }

    /**
     * Copies from or to such files. A copy beyond the end of one that became shorter is an error of the JVM's, at some time
     * after the copy; what it copied counts for nothing then.
     */
    static void guarded(Collection<SharedMemoryFile> files, Runnable copy) {
        try {
            copy.run();
        } catch (InternalError e) {
            files.forEach(SharedMemoryFile::requireWhole);
            throw new Refusal(
                    Reason.BAD_REGION,
                    "There was no memory behind the engine's shared memory: /dev/shm is full; make it larger, or remove"
                            + " what dead processes left there (" + e + ")");
        }
        files.forEach(SharedMemoryFile::requireWhole);
    }

    /** Refuses memory that its owner made shorter: what was copied from beyond its end is not what the engine had. */
    void requireWhole() {
        try {
            requireSize(file, segment.byteSize(), channel.size());
        } catch (IOException e) {
            throw refused(file, "does not tell its size: " + e);
        }
    }

    /** Ends the watch over the size; the mapping is the arena's. */
    @Override
    public void close() throws IOException {
        channel.close();
    }
}
