package io.lmcache.chunkfiles.convert;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A file of the source is no sound chunk; the message tells why, as the predicate of a sentence about the file. */
final class SourceException extends IOException {
    private static final long serialVersionUID = 1L;

    SourceException(String message) {
        this(message, null);
    }

    SourceException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
