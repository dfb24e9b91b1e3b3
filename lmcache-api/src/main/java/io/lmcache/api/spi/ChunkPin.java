package io.lmcache.api.spi;

/** Keeps a chunk from being evicted by the backend that gave the pin. Thread-safe. */
public interface ChunkPin extends AutoCloseable {
    /** Lets the chunk be evicted again. Idempotent. */
    @Override
    void close();
}
