package io.lmcache.backend.gds.io;

/** The way that payload takes between a chunk file and memory. */
public enum IoPath {
    /** Through libcufile, past the CPU. */
    DIRECT,
    /** Through libcufile, which copies through host memory of its own. */
    COMPATIBLE,
    /** Through page-locked memory of ours. */
    STAGED,
    /** Between the file and host memory; no device takes part. */
    HOST
}
