package io.lmcache.backend.gds;

import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.Counters;
import io.lmcache.backend.gds.io.IoPath;
import io.lmcache.backend.gds.io.IoPaths;
import io.lmcache.backend.gds.io.OpenFiles;
import io.lmcache.chunkfiles.AllocationRetries;
import io.lmcache.chunkfiles.PayloadSource;
import io.lmcache.chunkfiles.PayloadTransport;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkLocation;
import io.lmcache.chunkfiles.directory.NewChunkFile;
import io.lmcache.chunkfiles.io.DirectIo;
import io.lmcache.chunkfiles.io.PayloadRoute;
import java.io.IOException;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/** Moves payload between files and device memory, and host memory too; keeps files open between reads. Thread-safe. */
final class DeviceTransport implements PayloadTransport {
    private final int device;
    private final AllocationRetries retries;
    private final Counters transfers = new Counters(IoPath.counters());
    private final DeviceMemoryPool memory;
    // For engines whose KV lies in host memory; costs nothing until one comes.
    private final HostRegion hostRegion;
    private final SlabAllocator hostAllocator;
    private final OpenFiles files;
    private final IoPaths paths;

    /** A transport that owns the pool from now on. */
    DeviceTransport(GdsSettings settings, DeviceMemoryPool memory, ChunkDirectory directory) {
        // Reads and writes are direct also where no direct path asks for it.
        boolean isDirectIo = settings.files().useDirectIo() && DirectIo.isUsableIn(directory.roots());
        this.device = settings.device();
        this.retries = new AllocationRetries(settings.maxAllocAttempts(), settings.allocAttemptDelay());
        this.memory = memory;
        this.paths = memory.paths(device, directory.roots(), isDirectIo, transfers);
        this.files = new OpenFiles(directory, isDirectIo, paths);
        this.hostRegion = new HostRegion(settings.files().stagingBytes());
        this.hostAllocator =
                new SlabAllocator(GdsBackendProvider.NAME + "-host", new HostBuffer(hostRegion.segment()), _ -> {});
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
    public Optional<String> objectionTo(KvBuffer buffer) {
        return buffer instanceof DeviceBuffer there && there.ordinal() != device
                ? Optional.of(
                        "The bytes are on device " + there.ordinal() + ", this backend works for device " + device)
                : Optional.empty();
    }

    @Override
    public AllocationRetries retries() {
        return retries;
    }

    @Override
    public Optional<PayloadSource> open(ChunkLocation chunk, BufferAllocator target) throws IOException {
        return files.open(chunk).map(file -> file);
    }

    @Override
    public PayloadRoute open(NewChunkFile file, KvBuffer buffer) throws IOException {
        return paths.open(file, buffer);
    }

    @Override
    public boolean hasOther(NewChunkFile file, Exception failure) {
        return paths.hasOther(file.path(), failure);
    }

    @Override
    public void forget(ChunkLocation chunk) {
        files.forget(chunk.key());
    }

    @Override
    public void forgetAll() {
        files.forgetAll();
    }

    @Override
    public Map<BackendCounter, Long> counters() {
        Map<BackendCounter, Long> counters = new EnumMap<>(transfers.snapshot());
        counters.put(BackendCounter.PAGE_LOCKED_BYTES, memory.lockedHostBytes());
        counters.put(BackendCounter.STAGING_BYTES, memory.stagingBytes());
        return counters;
    }

    @Override
    public boolean awaitEnd(long deadlineNanos) {
        boolean ended = memory.awaitArrivals(deadlineNanos);
        memory.unlockHostMemory();
        return ended;
    }

    @Override
    public void close() {
        files.close();
        // Each throws while someone holds a lease: then the memory stays, and a later close() frees it.
        hostAllocator.close();
        hostRegion.close();
        memory.close();
    }
}
