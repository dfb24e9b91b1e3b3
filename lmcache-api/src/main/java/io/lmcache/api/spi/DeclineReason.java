package io.lmcache.api.spi;

/** Why a backend did not take a chunk. */
public enum DeclineReason {
    /** There is no room, and none could be made. */
    FULL,
    /** The chunk is larger than the backend can ever hold. */
    TOO_LARGE,
    /** The backend cannot express the key or hold memory of that domain. */
    UNSUPPORTED,
    /** Too much is waiting to be written. */
    BUSY,
    /** The backend failed repeatedly and is left alone for a while. */
    UNAVAILABLE,
    /** The backend is closing. */
    CLOSED
}
