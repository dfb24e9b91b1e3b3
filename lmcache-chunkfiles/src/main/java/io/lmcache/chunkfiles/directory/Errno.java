package io.lmcache.chunkfiles.directory;

import java.nio.file.FileSystemException;

/**
 * Errors of the operating system that need an answer of their own.
 *
 * <p>Java hands them on as text alone, in the words of the C library and the language of the process. So that library is
 * asked for its words; where native access is not granted, the errors are recognized in English only, and in another language
 * they are failures like any other. Immutable and thread-safe.
 */
public enum Errno {
    /** There is no such file; most calls say so by an exception of its own. */
    ENOENT(2, "No such file or directory"),
    /** A peer on another machine has removed or replaced what is open here. */
    ESTALE(116, "Stale file handle"),
    /** The share of the disk that this user may fill is full; the free space does not show it. */
    EDQUOT(122, "Disk quota exceeded");

    private final String english;
    private final String local;

    /** The number is that of Linux. */
    Errno(int number, String english) {
        this.english = english;
        this.local = CLibrary.strerror(number).orElse(english);
    }

    /** Whether the failure reports this error. */
    public boolean isCauseOf(Exception failure) {
        String reason = failure instanceof FileSystemException e ? e.getReason() : failure.getMessage();
        return local.equals(reason) || english.equals(reason);
    }
}
