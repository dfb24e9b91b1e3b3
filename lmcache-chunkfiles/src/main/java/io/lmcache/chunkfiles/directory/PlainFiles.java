package io.lmcache.chunkfiles.directory;

import io.lmcache.api.posix.Errno;
import io.lmcache.api.posix.FileModes;
import io.lmcache.api.posix.OpenFlag;
import io.lmcache.api.posix.PosixException;
import io.lmcache.api.posix.PosixFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * Opens files below a root, and plain ones only: no link is followed on the way from the root, and a pipe, a socket or a
 * device is neither waited for nor woken.
 *
 * <p>What is there is found before it is opened ({@code O_PATH}), looked at, and then opened by its descriptor: what was
 * looked at is what is opened, whoever changes names meanwhile. Where that cannot be had (native access is not granted,
 * {@code /proc} is not mounted, the file system is one of Java's own), names are looked at before they are opened. Stateless
 * and thread-safe.
 */
public final class PlainFiles {
    private static final int ATTEMPTS = 10;
    private static final boolean CAN_FIND =
            PosixFile.class.getModule().isNativeAccessEnabled() && PosixFile.canOpenAgain();

    private PlainFiles() {}

    /**
     * Opens a file that is there.
     *
     * @param root the root, which may be reached by links
     * @param file a path below the root
     * @throws NoSuchFileException when there is none
     * @throws IOException when it is no plain file, lies behind a link, or cannot be opened
     */
    public static FileChannel open(Path root, Path file, Set<? extends OpenOption> options) throws IOException {
        if (!CAN_FIND || !root.getFileSystem().equals(FileSystems.getDefault())) {
            return openAfterALook(root, file, options);
        }
        try (PosixFile found = find(root, file)) {
            if (!found.status().isRegularFile()) {
                throw noPlainFile(file);
            }
            return openFound(found, file, options);
        } catch (PosixException e) {
            throw asOfJava(file, e);
        }
    }

    private static IOException asOfJava(Path file, PosixException e) {
        if (Errno.ENOENT.isCauseOf(e)) {
            return new NoSuchFileException(file.toString());
        }
        if (Errno.EACCES.isCauseOf(e)) {
            return new AccessDeniedException(e.getFile());
        }
        return Errno.ENOTDIR.isCauseOf(e) ? new NotDirectoryException(e.getFile()) : e;
    }

    private static FileChannel openFound(PosixFile found, Path file, Set<? extends OpenOption> options)
            throws IOException {
        try {
            return open(found.again(), options);
        } catch (AccessDeniedException e) {
            throw new AccessDeniedException(file.toString());
        } catch (FileSystemException e) {
            // It names the descriptor.
            FileSystemException named = new FileSystemException(file.toString(), null, e.getReason());
            named.initCause(e);
            throw named;
        }
    }

    /** What is there, found and not opened. */
    @SuppressWarnings("try") // Closed in the order of the walk; the last one is handed out.
    private static PosixFile find(Path root, Path file) throws PosixException {
        Path below = root.relativize(file);
        int last = below.getNameCount() - 1;
        PosixFile directory = PosixFile.open(root, OpenFlag.PATH_ONLY, OpenFlag.DIRECTORY);
        for (int level = 0; level < last; level++) {
            try (PosixFile above = directory) {
                directory = above.openAt(
                        below.getName(level).toString(), OpenFlag.PATH_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
            }
        }
        try (PosixFile parent = directory) {
            return parent.openAt(below.getName(last).toString(), OpenFlag.PATH_ONLY, OpenFlag.NO_FOLLOW);
        }
    }

    private static FileChannel openAfterALook(Path root, Path file, Set<? extends OpenOption> options)
            throws IOException {
        requireNoLinks(root, file);
        if (!attributes(file).isRegularFile()) {
            throw noPlainFile(file);
        }
        Set<OpenOption> following = new HashSet<>(options);
        following.add(LinkOption.NOFOLLOW_LINKS);
        return open(file, following);
    }

    private static FileChannel open(Path file, Set<? extends OpenOption> options) throws IOException {
        try {
            return FileChannel.open(file, options);
        } catch (UnsupportedOperationException e) {
            // So the JDK calls every error of the setup of direct I/O, also that a peer has taken the file away.
            if (e.getCause() instanceof IOException cause) {
                throw cause;
            }
            throw e;
        }
    }

    private static FileSystemException noPlainFile(Path file) {
        return new FileSystemException(file.toString(), null, "is no plain file");
    }

    /**
     * Opens one of this library's own files for writing; makes it where it is missing, and anew where something else than a
     * plain file has its name.
     */
    static FileChannel openOwn(Path root, Path file, Set<? extends OpenOption> options) throws IOException {
        for (int attempt = 1; ; attempt++) {
            requireNoLinks(root, file);
            Optional<BasicFileAttributes> there = attributesIfExists(file);
            try {
                if (there.isPresent() && there.get().isRegularFile()) {
                    return open(root, file, options);
                }
                if (there.isPresent()) {
                    // A directory stays, unless it is empty.
                    Files.deleteIfExists(file);
                }
                return create(file, options);
            } catch (NoSuchFileException | FileAlreadyExistsException e) {
                // Somebody else made or removed it this very moment.
                if (attempt == ATTEMPTS) {
                    throw e;
                }
            }
        }
    }

    private static FileChannel create(Path file, Set<? extends OpenOption> options) throws IOException {
        Set<OpenOption> creating = new HashSet<>(options);
        creating.add(StandardOpenOption.CREATE_NEW);
        return FileChannel.open(file, creating, FileModes.PRIVATE_FILE);
    }

    /**
     * Makes sure that no directory between the root and the file is a link.
     *
     * @throws IOException when one is, or is no directory; {@link NoSuchFileException} when one is not there
     */
    static void requireNoLinks(Path root, Path file) throws IOException {
        Path below = root.relativize(file);
        Path directory = root;
        for (int level = 0; level < below.getNameCount() - 1; level++) {
            directory = directory.resolve(below.getName(level));
            if (!attributes(directory).isDirectory()) {
                throw new NotDirectoryException(directory + " (a link or a file; links are not followed)");
            }
        }
    }

    /** What is at that path; a link is not followed. */
    static BasicFileAttributes attributes(Path file) throws IOException {
        return Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    }

    /** The same; empty where there is nothing, which is an everyday answer, so not by way of an exception. */
    static Optional<BasicFileAttributes> attributesIfExists(Path file) throws IOException {
        return Optional.ofNullable(file.getFileSystem()
                .provider()
                .readAttributesIfExists(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS));
    }
}
