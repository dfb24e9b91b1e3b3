package io.lmcache.cli;

import java.io.IOException;

/** A text that is no prompt; the message names the cause and the remedy. */
final class BadTextException extends IOException {
    private static final long serialVersionUID = 1L;

    BadTextException(String message) {
        super(message);
    }
}
