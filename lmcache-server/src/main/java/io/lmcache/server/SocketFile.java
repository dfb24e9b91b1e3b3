package io.lmcache.server;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.posix.FileModes;
import io.lmcache.api.posix.LocalUser;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.UserPrincipal;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The place of a server's Unix domain socket: a directory that only its user may enter, and a lock beside the socket that
 * ends with the process however it ends, so that the socket of a dead server is known from that of a live one.
 *
 * <p>For one thread at a time.
 */
final class SocketFile implements AutoCloseable {
    // sun_path has 108 bytes, the last one zero.
    private static final String NEW = ".new";
    private static final int MAX_PATH_BYTES = 107 - NEW.length();

    private final Path socket;
    private FileChannel lockFile;
    /** The socket that this server bound, once it has. */
    private @Nullable Object bound;

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
            boolean isFree = false;
            try {
                removeDead(socket);
                isFree = true;
                return claimed;
            } finally {
                if (!isFree) {
                    claimed.lockFile.close();
                }
            }
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

    private static Path lockPath(Path socket) {
        return socket.resolveSibling(socket.getFileName() + ".lock");
    }

    private static SocketFile lock(Path socket) throws IOException {
        Path file = lockPath(socket);
        FileChannel channel = FileChannel.open(
                file,
                Set.of(
                        StandardOpenOption.CREATE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE,
                        LinkOption.NOFOLLOW_LINKS),
                FileModes.PRIVATE_FILE);
        boolean locked = false;
        try {
            if (!tryLock(channel)) {
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

    /** Removes the socket of a server that is gone, and nothing else: the lock of a live one may have been cleaned away. */
    private static void removeDead(Path socket) throws IOException {
        if (!Files.exists(socket, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        if (!Files.readAttributes(socket, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                .isOther()) {
            throw failed(socket, "there is a file of that name, which is no socket; name another place", null);
        }
        if (accepts(socket)) {
            throw failed(
                    socket,
                    "another server listens there, whose lock file is gone; use that one, end it, or name another socket",
                    null);
        }
        Files.delete(socket);
    }

    /** Whether a process listens. One whose queue is full does, too: only a socket without one refuses. */
    private static boolean accepts(Path socket) throws IOException {
        try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            probe.configureBlocking(false);
            probe.connect(UnixDomainSocketAddress.of(socket));
            return true;
        } catch (ConnectException e) {
            return false;
        } catch (SocketException e) {
            // The JDK has no exception of its own for EAGAIN, which only a listener answers.
            return true;
        }
    }

    private static boolean tryLock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            // A server of this process has it.
            return false;
        }
    }

    private static LmcacheException failed(Path socket, String reason, @Nullable IOException cause) {
        return new LmcacheException(ErrorCode.START_FAILED, "No server can listen on " + socket + ": " + reason, cause);
    }

    /** Where clients connect. */
    Path path() {
        return socket;
    }

    /** The server's user, who the directory belongs to. */
    UserPrincipal owner() {
        try {
            return Files.getOwner(Objects.requireNonNull(socket.getParent()), LinkOption.NOFOLLOW_LINKS);
        } catch (IOException e) {
            throw failed(socket, e.toString(), e);
        }
    }

    /**
     * Where to bind; {@link #publish} then gives it its name. Who closes a socket removes the path that it was bound to,
     * whosever that is by then: so it is one that nobody uses.
     */
    Path bindPath() throws IOException {
        Path path = socket.resolveSibling(socket.getFileName() + NEW);
        Files.deleteIfExists(path);
        return path;
    }

    /** Lets clients find the socket that was bound; other users cannot connect, whatever the directory's mode becomes. */
    void publish() throws IOException {
        Path path = socket.resolveSibling(socket.getFileName() + NEW);
        Files.setPosixFilePermissions(path, FileModes.PRIVATE_FILE.value());
        bound = fileKey(path);
        Files.move(path, socket, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Takes a place again that cleaners of temporary files have emptied; its lock, too. */
    void reclaim() throws IOException {
        requirePrivate(Objects.requireNonNull(socket.getParent()));
        if (!Files.exists(lockPath(socket), LinkOption.NOFOLLOW_LINKS)) {
            FileChannel lost = lockFile;
            lockFile = lock(socket).lockFile;
            lost.close();
        }
        removeDead(socket);
    }

    /** Whether the path no longer leads to the socket that was bound: then nobody can connect who is not connected yet. */
    boolean isLost() throws IOException {
        return bound != null && !bound.equals(fileKey(socket));
    }

    /** Device and inode; null for no file. */
    private static @Nullable Object fileKey(Path file) throws IOException {
        try {
            return Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                    .fileKey();
        } catch (NoSuchFileException e) {
            return null;
        }
    }

    /** Removes the socket and lets others have the place. */
    @Override
    public void close() throws IOException {
        // The lock file stays: one that is deleted while another process opens it would be locked twice.
        try (FileChannel _ = lockFile) {
            // Another server may have the path by now, if the lock was cleaned away.
            if (bound != null && !isLost()) {
                Files.delete(socket);
            }
        }
    }
}
