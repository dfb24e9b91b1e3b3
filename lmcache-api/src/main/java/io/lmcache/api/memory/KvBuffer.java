package io.lmcache.api.memory;

/**
 * A bounded region of memory outside the Java heap.
 *
 * <p>A buffer is an address with a length and owns nothing: who may use it, and until when, is said by the
 * {@link BufferLease} or the call that hands it over.
 */
public sealed interface KvBuffer permits HostBuffer, DeviceBuffer {
    /** Which memory the region lies in. */
    MemoryDomain domain();

    /** The length in bytes. */
    long byteSize();

    /**
     * A part of this region.
     *
     * @param offset where it starts, in bytes
     * @param byteSize its length in bytes
     * @throws IndexOutOfBoundsException when it does not lie within this region
     */
    KvBuffer slice(long offset, long byteSize);
}
