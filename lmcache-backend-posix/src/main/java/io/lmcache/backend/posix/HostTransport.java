package io.lmcache.backend.posix;

import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.chunkfiles.FileTierSettings;
import io.lmcache.chunkfiles.PayloadSource;
import io.lmcache.chunkfiles.PayloadTransport;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.ChunkLocation;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import io.lmcache.chunkfiles.directory.NewChunkFile;
import io.lmcache.chunkfiles.io.DirectIo;
import io.lmcache.chunkfiles.io.OpenChunkFile;
import io.lmcache.chunkfiles.io.PayloadRoute;
import io.lmcache.chunkfiles.io.PieceTransfer;
import io.lmcache.chunkfiles.io.WritableFile;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** Moves payload between files and host memory, a small chunk with direct I/O in one request. Thread-safe. */
final class HostTransport implements PayloadTransport {
    private final ChunkDirectory directory;
    private final boolean isDirect;
    private final HostRegion region;
    private final SlabAllocator allocator;
    private final ThreadLocal<ByteBuffer> headerBuffers =
            ThreadLocal.withInitial(() -> DirectIo.allocate(ChunkFileFormat.HEADER_BYTES));

    /** A transport with memory of its own. */
    HostTransport(FileTierSettings settings, ChunkDirectory directory) {
        this.directory = directory;
        this.isDirect = settings.useDirectIo() && DirectIo.isUsableIn(directory.roots());
        this.region = new HostRegion(settings.stagingBytes());
        this.allocator = new SlabAllocator(PosixBackendProvider.NAME, new HostBuffer(region.segment()), _ -> {});
    }

    @Override
    public BufferAllocator allocator() {
        return allocator;
    }

    @Override
    public Optional<BufferAllocator> allocator(MemoryDomain domain) {
        return domain == MemoryDomain.HOST ? Optional.of(allocator) : Optional.empty();
    }

    @Override
    public Optional<String> objectionTo(KvBuffer memory) {
        return memory.domain() == MemoryDomain.HOST
                ? Optional.empty()
                : Optional.of("Backend 'posix' writes from host memory only");
    }

    @Override
    public Optional<PayloadSource> open(ChunkLocation chunk, BufferAllocator target) throws IOException {
        if (!isDirect) {
            return OpenChunkFile.open(directory, chunk, false, headerBuffers.get())
                    .map(file -> new HostSource(file, Optional.empty()));
        }
        try (WholeRead whole = new WholeRead(target, headerBuffers.get())) {
            return OpenChunkFile.open(directory, chunk, true, whole).map(file -> new HostSource(file, whole.take()));
        }
    }

    @Override
    public PayloadRoute open(NewChunkFile file, KvBuffer memory) throws IOException {
        WritableFile target = WritableFile.open(file, isDirect);
        return new HostRoute(target.channels().writer(((HostBuffer) memory).segment()), target);
    }

    /**
     * A file that is open for one read.
     *
     * @param payload what came with the header
     */
    private record HostSource(OpenChunkFile file, Optional<Payload> payload) implements PayloadSource {
        @Override
        public Path path() {
            return file.path();
        }

        @Override
        public HeaderCheck.Valid header() {
            return file.header();
        }

        @Override
        public Optional<Payload> takePayload() {
            return payload;
        }

        @Override
        public PayloadRoute open(KvBuffer memory) {
            return new HostRoute(file.channels().reader(((HostBuffer) memory).segment()), () -> {});
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }

    /** One mover for all threads: they move different ranges. */
    private record HostRoute(PieceTransfer.Mover open, Closeable opened) implements PayloadRoute {
        @Override
        public void close() throws IOException {
            opened.close();
        }
    }

    @Override
    public Map<BackendCounter, Long> counters() {
        return Map.of();
    }

    @Override
    public void close() {
        // Throws while someone holds a lease: then the region stays mapped, and a later close() ends it.
        allocator.close();
        region.close();
    }
}
