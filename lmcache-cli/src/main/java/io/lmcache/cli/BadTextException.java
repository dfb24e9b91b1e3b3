package io.lmcache.cli;

import org.jspecify.annotations.Nullable;

/** A text that is no prompt; the message names the cause and the remedy. */
final class BadTextException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    BadTextException(String message) {
        this(message, null);
    }

    BadTextException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
