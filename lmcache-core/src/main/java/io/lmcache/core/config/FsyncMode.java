package io.lmcache.core.config;

/** What of a chunk file is forced to the device before it is published. Immutable and thread-safe. */
public enum FsyncMode {
    /** Nothing: the operating system writes it in its own time. */
    NONE,
    /** The file's bytes. */
    DATA,
    /** The file's bytes, its metadata and its directory entry. */
    FULL
}
