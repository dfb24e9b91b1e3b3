package io.lmcache.backend.posix.directory;

import java.nio.file.FileSystemException;

/**
 * Errors of the operating system that need an answer of their own.
 *
 * <p>Java hands them on as text alone, in the words of the C library. Where the process speaks another language than
 * English they are not recognized, and are failures like any other. Immutable and thread-safe.
 */
public enum Errno {
    /** There is no such file; most calls say so by an exception of its own. */
    ENOENT("No such file or directory"),
    /** A peer on another machine has removed or replaced what is open here. */
    ESTALE("Stale file handle"),
    /** The share of the disk that this user may fill is full; the free space does not show it. */
    EDQUOT("Disk quota exceeded");

    private final String words;

    Errno(String words) {
        this.words = words;
    }

    /** Whether the failure reports this error. */
    public boolean isCauseOf(Exception failure) {
        String reason = failure instanceof FileSystemException e ? e.getReason() : failure.getMessage();
        return words.equals(reason);
    }
}
