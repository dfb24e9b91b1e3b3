package io.lmcache.api.spi;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.MemoryDomain;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * A backend around a backend: what decorators have in common. Passes every call on; as thread-safe as the backend inside,
 * which it owns.
 */
public abstract class ForwardingBackend implements StorageBackend {
    private final StorageBackend delegate;

    /** A backend around that one, which belongs to it from here on. */
    protected ForwardingBackend(StorageBackend delegate) {
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
    public void clear(String model) {
        delegate.clear(model);
    }

    @Override
    public BackendStats stats() {
        return delegate.stats();
    }

    @Override
    public void close() {
        delegate.close();
    }

    @Override
    public String toString() {
        return getClass().getSimpleName() + "[" + delegate + "]";
    }
}
