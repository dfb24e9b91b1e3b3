package io.lmcache.backend.gds;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
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
import io.lmcache.backend.gds.io.IoPaths;
import io.lmcache.backend.gds.io.OpenFiles;
import io.lmcache.backend.gds.io.PathCounters;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.Counters;
import io.lmcache.chunkfiles.io.ChunkWriter;
import io.lmcache.chunkfiles.io.DirectIo;
import io.lmcache.chunkfiles.io.IoThreads;
import io.lmcache.chunkfiles.io.PrefixProbe;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** The backend {@code gds}: chunk files read and written through device memory, and host memory too. Thread-safe. */
final class GdsBackend implements StorageBackend {
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);

    private final GdsSettings settings;
    private final Counters counters;
    private final PathCounters pathCounters = new PathCounters();
    private final DeviceMemoryPool memory;
    // For engines whose KV lies in host memory; costs nothing until one comes.
    private final HostRegion hostRegion;
    private final SlabAllocator hostAllocator;
    private final ChunkDirectory directory;
    private final OpenFiles files;
    // Each kind of work has threads of its own: a burst of stores holds up no load, and neither holds up a lookup.
    private final IoThreads lookupThreads;
    private final IoThreads readThreads;
    private final IoThreads writeThreads;
    private final ChunkReader reader;
    private final ChunkWriter writer;
    private final PrefixProbe probe;
    private volatile boolean closed;

    private GdsBackend(GdsSettings settings, Counters counters, DeviceMemoryPool memory, ChunkDirectory directory) {
        boolean isDirectIo = settings.useDirectIo() && DirectIo.isUsableIn(directory.roots());
        IoPaths paths = memory.paths(directory.roots(), isDirectIo, pathCounters);
        this.settings = settings;
        this.counters = counters;
        this.memory = memory;
        this.hostRegion = new HostRegion(settings.stagingBytes());
        this.hostAllocator =
                new SlabAllocator(GdsBackendProvider.NAME + "-host", new HostBuffer(hostRegion.segment()), _ -> {});
        this.directory = directory;
        this.files = new OpenFiles(directory, isDirectIo);
        this.lookupThreads = new IoThreads("lmcache-gds-lookup", PrefixProbe.THREADS);
        this.readThreads = new IoThreads("lmcache-gds-read", settings.ioThreads());
        this.writeThreads = new IoThreads("lmcache-gds-write", settings.writeThreads());
        this.reader = new ChunkReader(settings.device(), directory, files, paths, readThreads, counters, patience());
        this.writer = new ChunkWriter(directory, writeThreads, counters, paths);
        this.probe = new PrefixProbe(directory, lookupThreads);
    }

    /**
     * A new backend over files of that format.
     *
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when the device, libcufile where it is required, or the
     *     directory cannot be used
     */
    static GdsBackend open(GdsSettings settings, ChunkFileFormat format, BackendContext context) {
        DeviceMemoryPool memory = DeviceMemoryPool.open(settings, context.hostMemory());
        try {
            return open(settings, format, context, memory);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private static GdsBackend open(
            GdsSettings settings, ChunkFileFormat format, BackendContext context, DeviceMemoryPool memory) {
        Counters counters = new Counters();
        ChunkDirectory directory = ChunkDirectory.open(
                settings.directory().forDevice(memory.deviceNumber()), format, counters, context.clock());
        try {
            return new GdsBackend(settings, counters, memory, directory);
        } catch (RuntimeException e) {
            directory.close();
            throw e;
        }
    }

    private ChunkReader.Patience patience() {
        return new ChunkReader.Patience(
                memory.allocator(),
                settings.maxAllocAttempts(),
                CompletableFuture.delayedExecutor(
                        settings.allocAttemptDelay().toNanos(), TimeUnit.NANOSECONDS, Runnable::run));
    }

    @Override
    public String name() {
        return GdsBackendProvider.NAME;
    }

    @Override
    public Set<BackendCapability> capabilities() {
        return Set.of(BackendCapability.PERSISTENT, BackendCapability.SHARED);
    }

    @Override
    public BufferAllocator allocator() {
        return memory.allocator();
    }

    @Override
    public Optional<BufferAllocator> allocator(MemoryDomain domain) {
        return Optional.of(
                switch (domain) {
                    case DEVICE -> memory.allocator();
                    case HOST -> hostAllocator;
                });
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
        return reader.read(key, allocator);
    }

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        long bytes = lease.buffer().byteSize();
        if (bytes != meta.byteSize() || !meta.layout().equals(key.scope().layout())) {
            throw new LmcacheException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "Backend 'gds': chunk " + key + " of " + meta + " takes " + meta.byteSize()
                            + " bytes, but the buffer has " + bytes
                            + "; use the layout of the key, and all of the buffer");
        }
        if (closed) {
            return writer.declined(DeclineReason.CLOSED, "The backend is closed");
        }
        int device = settings.device();
        if (lease.buffer() instanceof DeviceBuffer buffer && buffer.ordinal() != device) {
            return writer.declined(
                    DeclineReason.UNSUPPORTED,
                    "The bytes are on device " + buffer.ordinal() + ", this backend works for device " + device);
        }
        return writer.write(key, meta, lease);
    }

    @Override
    public Optional<ChunkPin> tryPin(ChunkKey key) {
        return closed ? Optional.empty() : directory.tryPin(key);
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        return writeThreads.call(
                () -> {
                    files.forget(key);
                    return directory.remove(key);
                },
                false);
    }

    @Override
    public void clear() {
        try {
            files.forgetAll();
            directory.clear();
        } catch (IOException e) {
            throw new UncheckedIOException("Chunk directory " + directory.roots() + " could not be cleared", e);
        }
    }

    @Override
    public BackendStats stats() {
        SortedMap<String, Long> all = new TreeMap<>(counters.snapshot());
        all.putAll(pathCounters.snapshot());
        all.put("page_locked_bytes", memory.lockedHostBytes());
        return new BackendStats(directory.knownChunks(), directory.knownBytes(), settings.limitBytes(), all);
    }

    @Override
    public void close() {
        closed = true;
        writeThreads.shutdown();
        readThreads.shutdown();
        lookupThreads.shutdown();
        long deadlineNanos = System.nanoTime() + CLOSE_TIMEOUT.toNanos();
        boolean writesEnded = writeThreads.awaitEnd(deadlineNanos);
        boolean readsEnded = readThreads.awaitEnd(deadlineNanos) && memory.awaitArrivals(deadlineNanos);
        // Also when something is stuck here: the tiers above are closed next, and their memory must not go under a
        // lock.
        memory.unlockHostMemory();
        lookupThreads.awaitEnd(deadlineNanos);
        files.forgetAll();
        // Puts that wait for room are declined from in here.
        directory.close();
        if (!writesEnded || !readsEnded) {
            throw new LmcacheException(
                    ErrorCode.LEAK,
                    "Backend 'gds': reads or writes below " + directory.roots() + " have not ended within "
                            + CLOSE_TIMEOUT.toSeconds()
                            + " seconds, so the memory they use is kept; close again when the storage answers");
        }
        // Each throws while someone holds a lease: then the memory stays, and a later close() frees it.
        hostAllocator.close();
        hostRegion.close();
        memory.close();
    }
}
