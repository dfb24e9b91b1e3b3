package io.lmcache.core.storage;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.api.spi.BackendCapability;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.ChunkPin;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** A backend around a backend: what decorators have in common. */
abstract class ForwardingBackend implements StorageBackend {
    private final StorageBackend delegate;

    ForwardingBackend(StorageBackend delegate) {
        this.delegate = delegate;
    }

    @Override
    public String name() {
        return delegate.name();
    }

    @Override
    public Set<BackendCapability> capabilities() {
        return delegate.capabilities();
    }

    @Override
    public BufferAllocator allocator() {
        return delegate.allocator();
    }

    @Override
    public Optional<BufferAllocator> allocator(MemoryDomain domain) {
        return delegate.allocator(domain);
    }

    @Override
    public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
        return delegate.containsPrefix(keys);
    }

    @Override
    public CompletableFuture<Integer> confirmPrefix(List<ChunkKey> keys) {
        return delegate.confirmPrefix(keys);
    }

    @Override
    public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        return delegate.get(key, allocator);
    }

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        return delegate.put(key, meta, lease);
    }

    @Override
    public Optional<ChunkPin> tryPin(ChunkKey key) {
        return delegate.tryPin(key);
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        return delegate.tryInvalidate(key);
    }

    @Override
    public void clear() {
        delegate.clear();
    }

    @Override
    public BackendStats stats() {
        return delegate.stats();
    }

    @Override
    public void close() {
        delegate.close();
    }
}
