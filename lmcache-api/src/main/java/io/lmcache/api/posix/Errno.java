package io.lmcache.api.posix;

import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import org.jspecify.annotations.Nullable;

/**
 * Errors of the operating system that need an answer of their own.
 *
 * <p>{@link PosixException} tells their number. The JDK has exceptions of their own for four of them, and hands on the others
 * as text alone, in the words of the C library and the language of the process. So that library is asked for its words;
 * where native access is not granted, these are recognized in English only, and in another language they are failures
 * like any other. Immutable and thread-safe.
 */
public enum Errno {
    /** There is no such file. */
    ENOENT(2, "No such file or directory", NoSuchFileException.class),
    /** Not permitted to this user. */
    EACCES(13, "Permission denied", AccessDeniedException.class),
    /** There is something of that name. */
    EEXIST(17, "File exists", FileAlreadyExistsException.class),
    /** Part of the path is no directory. */
    ENOTDIR(20, "Not a directory"),
    /** The path is a directory. */
    EISDIR(21, "Is a directory"),
    /** What was asked for makes no sense there. */
    EINVAL(22, "Invalid argument"),
    /** The disk is full. */
    ENOSPC(28, "No space left on device"),
    /** Nothing can be written there as it is mounted, or since its drive failed. */
    EROFS(30, "Read-only file system"),
    /** The file system keeps no locks now, as NFS without its lock manager. */
    ENOLCK(37, "No locks available"),
    /** The file system does not know this call. */
    ENOSYS(38, "Function not implemented"),
    /** The directory has entries. */
    ENOTEMPTY(39, "Directory not empty", DirectoryNotEmptyException.class),
    /** A symbolic link where none may be, or a circle of them. */
    ELOOP(40, "Too many levels of symbolic links"),
    /** The file system, as it is mounted, does not do this. */
    EOPNOTSUPP(95, "Operation not supported"),
    /** A peer on another machine has removed or replaced what is open here. */
    ESTALE(116, "Stale file handle"),
    /** The share of the disk that this user may fill is full; the free space does not show it. */
    EDQUOT(122, "Disk quota exceeded");

    private final int number;
    private final String english;
    private final String local;
    private final Class<? extends FileSystemException> exception;

    Errno(int number, String english) {
        this(number, english, PosixException.class);
    }

    /**
     * @param number of Linux
     * @param exception the one that the JDK throws for it
     */
    Errno(int number, String english, Class<? extends FileSystemException> exception) {
        this.number = number;
        this.english = english;
        this.local = NativeText.ofError(number).orElse(english);
        this.exception = exception;
    }

    /** Whether the failure reports this error, be it an exception of this package or of the JDK. */
    public boolean isCauseOf(Exception failure) {
        return switch (failure) {
            case PosixException posix -> posix.number() == number;
            case FileSystemException ofJdk -> exception.isInstance(ofJdk) || isText(ofJdk.getReason());
            default -> isText(failure.getMessage());
        };
    }

    private boolean isText(@Nullable String text) {
        return local.equals(text) || english.equals(text);
    }

    /** How C spells the error of that number, with the words for it. */
    static String describe(int number) {
        for (Errno errno : values()) {
            if (errno.number == number) {
                return errno + " (" + errno.local + ")";
            }
        }
        return "errno " + number
                + NativeText.ofError(number).map(words -> " (" + words + ")").orElse("");
    }
}
