package io.lmcache.api.spi;

import io.lmcache.api.memory.BufferLease;

/**
 * A chunk that a backend found: verified bytes and what they mean. Whoever holds it owns the lease and closes it.
 *
 * @param meta what the bytes are
 * @param lease the bytes, exactly {@code meta.byteSize()} of them; read only, since other holders may share them
 */
public record StoredChunk(ChunkMeta meta, BufferLease lease) implements AutoCloseable {
    @Override
    public void close() {
        lease.close();
    }
}
