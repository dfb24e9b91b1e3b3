package io.lmcache.api;

import org.jspecify.annotations.Nullable;

/**
 * The one exception type of the library. The message names the cause and the remedy; the {@link #code()} is for
 * programs.
 *
 * <p>Storage trouble while serving is no exception for an engine: it is a miss.
 */
public final class LmcacheException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final ErrorCode code;

    /** An error without an underlying one. */
    public LmcacheException(ErrorCode code, String message) {
        this(code, message, null);
    }

    /** An error caused by another. */
    public LmcacheException(ErrorCode code, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    /** The kind of error. */
    public ErrorCode code() {
        return code;
    }
}
