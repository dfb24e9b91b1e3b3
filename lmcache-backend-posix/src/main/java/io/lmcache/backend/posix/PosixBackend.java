package io.lmcache.backend.posix;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.BackendCapability;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.ChunkPin;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.Counters;
import io.lmcache.chunkfiles.io.ChunkWriter;
import io.lmcache.chunkfiles.io.DirectIo;
import io.lmcache.chunkfiles.io.HostWriteRoutes;
import io.lmcache.chunkfiles.io.IoThreads;
import io.lmcache.chunkfiles.io.PrefixProbe;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** The backend {@code posix}: chunk files read and written through host memory. Thread-safe. */
final class PosixBackend implements StorageBackend {
    private static final int READERS_PER_WRITER = 4;
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);

    private final long limitBytes;
    private final Counters counters;
    private final ChunkDirectory directory;
    private final HostRegion region;
    private final SlabAllocator allocator;
    // Each kind of work has threads of its own: a burst of stores holds up no load, and neither holds up a lookup.
    private final IoThreads lookupThreads;
    private final IoThreads readThreads;
    private final IoThreads writeThreads;
    private final ChunkReader reader;
    private final ChunkWriter writer;
    private final PrefixProbe probe;
    private volatile boolean closed;

    private PosixBackend(PosixSettings settings, Counters counters, ChunkDirectory directory) {
        boolean isDirect = settings.useDirectIo() && DirectIo.isUsableIn(directory.roots());
        this.limitBytes = settings.directory().maxBytes() == 0
                ? Long.MAX_VALUE
                : settings.directory().maxBytes();
        this.counters = counters;
        this.directory = directory;
        this.region = new HostRegion(settings.stagingBytes());
        this.allocator = new SlabAllocator(PosixBackendProvider.NAME, new HostBuffer(region.segment()), _ -> {});
        this.lookupThreads = new IoThreads("lmcache-posix-lookup", PrefixProbe.THREADS);
        this.readThreads = new IoThreads("lmcache-posix-read", settings.ioThreads());
        this.writeThreads =
                new IoThreads("lmcache-posix-write", Math.max(1, settings.ioThreads() / READERS_PER_WRITER));
        this.reader = new ChunkReader(directory, readThreads, counters, isDirect);
        this.writer = new ChunkWriter(directory, writeThreads, counters, new HostWriteRoutes(isDirect));
        this.probe = new PrefixProbe(directory, lookupThreads);
    }

    /** A new backend over files of that format. */
    static PosixBackend open(PosixSettings settings, ChunkFileFormat format, BackendContext context) {
        Counters counters = new Counters();
        ChunkDirectory directory = ChunkDirectory.open(settings.directory(), format, counters, context.clock());
        try {
            return new PosixBackend(settings, counters, directory);
        } catch (RuntimeException e) {
            directory.close();
            throw e;
        }
    }

    @Override
    public String name() {
        return PosixBackendProvider.NAME;
    }

    @Override
    public Set<BackendCapability> capabilities() {
        return Set.of(BackendCapability.PERSISTENT, BackendCapability.SHARED);
    }

    @Override
    public BufferAllocator allocator() {
        return allocator;
    }

    @Override
    public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
        return closed ? CompletableFuture.completedFuture(0) : probe.length(keys);
    }

    @Override
    public CompletableFuture<Integer> confirmPrefix(List<ChunkKey> keys) {
        return closed ? CompletableFuture.completedFuture(0) : probe.confirmedLength(keys);
    }

    @Override
    public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        if (allocator.domain() != MemoryDomain.HOST) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "Backend 'posix' reads into host memory, but allocator '" + allocator.name()
                            + "' is on a device; use backend 'gds', or read into host memory and copy");
        }
        return reader.read(key, allocator);
    }

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        long bytes = lease.buffer().byteSize();
        if (bytes != meta.byteSize() || !meta.layout().equals(key.scope().layout())) {
            throw new LmcacheException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "Backend 'posix': chunk " + key + " of " + meta + " takes " + meta.byteSize()
                            + " bytes, but the buffer has " + bytes
                            + "; use the layout of the key, and all of the buffer");
        }
        if (closed) {
            return writer.declined(DeclineReason.CLOSED, "The backend is closed");
        }
        if (lease.buffer().domain() != MemoryDomain.HOST) {
            return writer.declined(DeclineReason.UNSUPPORTED, "Backend 'posix' writes from host memory only");
        }
        return writer.write(key, meta, lease);
    }

    @Override
    public Optional<ChunkPin> tryPin(ChunkKey key) {
        return closed ? Optional.empty() : directory.tryPin(key);
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        return writeThreads.call(() -> directory.remove(key), false);
    }

    @Override
    public void clear() {
        try {
            directory.clear();
        } catch (IOException e) {
            throw new UncheckedIOException("Chunk directory " + directory.roots() + " could not be cleared", e);
        }
    }

    @Override
    public BackendStats stats() {
        return new BackendStats(directory.knownChunks(), directory.knownBytes(), limitBytes, counters.snapshot());
    }

    @Override
    public void close() {
        closed = true;
        writeThreads.shutdown();
        readThreads.shutdown();
        lookupThreads.shutdown();
        long deadlineNanos = System.nanoTime() + CLOSE_TIMEOUT.toNanos();
        writeThreads.awaitEnd(deadlineNanos);
        readThreads.awaitEnd(deadlineNanos);
        lookupThreads.awaitEnd(deadlineNanos);
        // Puts that wait for room are declined from in here.
        directory.close();
        // Throws while someone holds a lease: then the region stays mapped, and a later close() ends it.
        allocator.close();
        region.close();
    }
}
