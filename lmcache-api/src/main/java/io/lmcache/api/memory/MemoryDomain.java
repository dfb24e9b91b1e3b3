package io.lmcache.api.memory;

/** Which memory a buffer lies in. */
public enum MemoryDomain {
    /** Memory of the host, outside the Java heap. */
    HOST,
    /** Memory of a GPU. */
    DEVICE
}
