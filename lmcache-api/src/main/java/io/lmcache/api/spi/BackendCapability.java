package io.lmcache.api.spi;

/** A fact about a backend that others decide by. */
public enum BackendCapability {
    /** What is stored survives the process. */
    PERSISTENT,
    /** Other processes store and find the same chunks. */
    SHARED
}
