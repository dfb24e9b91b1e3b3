package io.lmcache.core.config;

/** Which chunk the host tier gives up first. Immutable and thread-safe. */
public enum CachePolicy {
    /** The one used longest ago. */
    LRU,
    /** The one used least often. */
    LFU,
    /** The one stored first. */
    FIFO,
    /** The one used last. */
    MRU
}
