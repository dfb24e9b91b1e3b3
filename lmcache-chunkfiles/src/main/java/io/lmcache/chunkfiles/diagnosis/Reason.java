package io.lmcache.chunkfiles.diagnosis;

import java.nio.file.FileSystemException;

/** Exceptions as people read them. Stateless and thread-safe. */
public final class Reason {
    private Reason() {}

    /** What went wrong, in the exception's own words; of those whose words are but a file's name, the kind as well. */
    public static String of(Throwable failure) {
        String message = failure.getMessage();
        return message == null || failure instanceof FileSystemException ? failure.toString() : message;
    }
}
