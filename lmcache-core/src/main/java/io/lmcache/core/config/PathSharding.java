package io.lmcache.core.config;

/** Which of several chunk directories a chunk is written to. Immutable and thread-safe. */
public enum PathSharding {
    /** {@link #BY_GPU} with a CUDA device, {@link #BY_HASH} without one. */
    AUTO,
    /** By the chunk's hash: chunks spread over all paths. */
    BY_HASH,
    /** By the device ordinal modulo the number of paths. */
    BY_GPU
}
