package io.lmcache.api.posix;

import java.nio.file.FileSystemException;

/** A call to the operating system failed. The message names the path or subject, the operation and the error. */
public final class PosixException extends FileSystemException {
    private static final long serialVersionUID = 1L;

    private final int number;

    PosixException(String operation, String subject, int number) {
        super(subject, null, operation + " failed: " + Errno.describe(number));
        this.number = number;
    }

    /** The number of the error, as Linux has it. */
    int number() {
        return number;
    }
}
