package io.lmcache.api.engine;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;

/**
 * A run of tokens of a prompt.
 *
 * @param start the index of the first token, at least 0
 * @param end the index after the last token, greater than {@code start}
 */
public record TokenRange(int start, int end) {
    /** Checks the bounds. */
    public TokenRange {
        if (start < 0 || end <= start) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT, "Token range " + start + " to " + end + " is empty or negative");
        }
    }

    /** The number of tokens. */
    public int length() {
        return end - start;
    }
}
