package io.lmcache.api;

/** What kind of trouble an {@link LmcacheException} reports. Decide by this, never by the message. */
public enum ErrorCode {
    /** An argument of a call is out of range or does not fit the others; the caller's program is wrong. */
    INVALID_ARGUMENT,
    /** A buffer or a source does not have the size or the domain that the layout asks for. */
    LAYOUT_MISMATCH,
    /** A setting is malformed, out of range, or contradicts another. */
    INVALID_CONFIGURATION,
    /** No backend, or more than one, answers to a configured name. */
    UNKNOWN_BACKEND,
    /** A backend or the memory for it could not be set up. */
    START_FAILED,
    /** Memory was still leased when its allocator was closed. */
    LEAK,
    /** The object was used after it had been closed. */
    CLOSED,
    /** An operation did not end within its deadline. */
    TIMEOUT,
    /** The storage under a tier failed. */
    STORAGE,
    /** A GPU operation failed. */
    DEVICE
}
