package io.lmcache.server;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.posix.FileModes;
import io.lmcache.api.posix.LocalUser;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The place of a server's Unix domain socket: a directory that only its user may enter, and a lock beside the socket that
 * ends with the process however it ends, so that the socket of a dead server is known from that of a live one.
 *
 * <p>For one thread.
 */
final class SocketFile implements AutoCloseable {
    // sun_path has 108 bytes, the last one zero.
    private static final int MAX_PATH_BYTES = 107;

    private final Path socket;
    private final FileChannel lockFile;

    private SocketFile(Path socket, FileChannel lockFile) {
        this.socket = socket;
        this.lockFile = lockFile;
    }

    /**
     * Takes the place, and removes what a dead server left there.
     *
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when it cannot be had
     */
    static SocketFile claim(Path path) {
        Path socket = path.toAbsolutePath();
        if (socket.toString().getBytes(StandardCharsets.UTF_8).length > MAX_PATH_BYTES) {
            throw failed(
                    socket,
                    "its path is longer than the " + MAX_PATH_BYTES
                            + " bytes that a socket may have; name a shorter one",
                    null);
        }
        try {
            Path directory = socket.getParent();
            if (directory == null) {
                throw failed(socket, "it has to be in a directory of its own", null);
            }
            requirePrivate(directory);
            SocketFile claimed = lock(socket);
            Files.deleteIfExists(socket);
            return claimed;
        } catch (IOException e) {
            throw failed(socket, e.toString(), e);
        }
    }

    private static void requirePrivate(Path directory) throws IOException {
        Files.createDirectories(directory, FileModes.PRIVATE_DIRECTORY);
        Map<String, Object> attributes =
                Files.readAttributes(directory, "unix:uid,permissions", LinkOption.NOFOLLOW_LINKS);
        if (!Objects.equals(attributes.get("uid"), LocalUser.id())
                || !FileModes.PRIVATE_DIRECTORY.value().equals(attributes.get("permissions"))) {
            throw failed(
                    directory,
                    "the directory of a socket belongs to the server's user and is open to nobody else (mode 700),"
                            + " but this one is not; name a socket in a directory of its own",
                    null);
        }
    }

    private static SocketFile lock(Path socket) throws IOException {
        Path file = socket.resolveSibling(socket.getFileName() + ".lock");
        FileChannel channel = FileChannel.open(
                file,
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
                FileModes.PRIVATE_FILE);
        boolean locked = false;
        try {
            FileLock lock = channel.tryLock();
            if (lock == null) {
                throw failed(
                        socket,
                        "another server uses it, process "
                                + Files.readString(file).strip() + "; use that one, end it, or name another socket",
                        null);
            }
            byte[] pid = (ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.UTF_8);
            channel.truncate(0);
            channel.write(ByteBuffer.wrap(pid));
            locked = true;
            return new SocketFile(socket, channel);
        } finally {
            if (!locked) {
                channel.close();
            }
        }
    }

    private static LmcacheException failed(Path socket, String reason, @Nullable IOException cause) {
        return new LmcacheException(ErrorCode.START_FAILED, "No server can listen on " + socket + ": " + reason, cause);
    }

    /** Where to bind. */
    Path path() {
        return socket;
    }

    /** Keeps other users from the socket, also where the directory's mode is not looked at. */
    void restrict() throws IOException {
        Files.setPosixFilePermissions(socket, FileModes.PRIVATE_FILE.value());
    }

    /** Removes the socket and lets others have the place. */
    @Override
    public void close() throws IOException {
        // The lock file stays: one that is deleted while another process opens it would be locked twice.
        try (lockFile) {
            Files.deleteIfExists(socket);
        }
    }
}
