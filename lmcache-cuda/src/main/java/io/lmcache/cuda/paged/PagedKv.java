package io.lmcache.cuda.paged;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.cuda.ResourceStack;
import io.lmcache.cuda.kernel.KernelStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * One request's KV in a paged cache on a GPU: gathers chunks out of it and scatters chunks into it, by kernels on the
 * caller's stream. What the caller queued on that stream before is done before, what it queues after sees the result.
 *
 * <p>Chunks in device memory are copied in one step; for those in host memory there is a staging buffer, and a stream for
 * the copies beside the caller's. A call of {@link #fill} or {@link #accept} returns when the chunk's buffer is no longer in
 * use, which for a scatter from host memory is before the cache is written: that still runs on the stream. Those of
 * {@link #beginFill} and {@link #beginAccept} do not wait.
 *
 * <p>For one thread at a time, as its stream is. Close it before the stream and the cache go.
 */
public final class PagedKv implements KvSource, KvSink, AutoCloseable {
    private final PagedKvCache cache;
    private final long tokens;
    private final KernelStream stream;
    private final Leases leases;
    private final KvCopyKernel kernel;
    private final Optional<DeviceStaging> staging;
    private final Events events;
    private final Runnable beforeWrite;
    private final ResourceStack resources;
    private boolean closed;

    /** The device memory of a request; staging is absent when all its chunks are in device memory. */
    private record Leases(BufferLease tables, Optional<BufferLease> staging) {
        private void close() {
            tables.close();
            staging.ifPresent(BufferLease::close);
        }
    }

    private PagedKv(
            PagedKvCache cache,
            TokenSlots slots,
            KernelStream stream,
            Leases leases,
            long stagingBytes,
            Runnable beforeWrite,
            ResourceStack resources)
            throws IOException {
        this.cache = cache;
        this.tokens = slots.tokens(cache.blockSize());
        this.stream = stream;
        this.leases = leases;
        this.beforeWrite = beforeWrite;
        this.resources = resources;
        DeviceBuffer tables = device(leases.tables);
        cache.requireDevice("the allocator", tables.ordinal());
        this.events = resources.add(new Events(stream));
        this.kernel = new KvCopyKernel(cache, stream, tables, uploadTables(tables, slots));
        this.staging = leases.staging.isEmpty()
                ? Optional.empty()
                : Optional.of(resources.add(
                        DeviceStaging.open(stream, device(leases.staging.get()), stagingBytes, this::write)));
    }

    /**
     * A request; empty when the device memory for it is used up. The caller closes it.
     *
     * @param cache the engine's cache
     * @param slots where the request's tokens stand in it; entries in device memory stay the caller's, and stay as they
     *     are until the request is closed
     * @param stream the engine's stream, of the cache's device
     * @param deviceMemory where the tables of the request and the staging buffer come from
     * @param stagingBytes the length of the longest chunk in host memory, of which room for two is taken; 0 when all are in
     *     device memory
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when these do not fit together,
     *     {@link ErrorCode#DEVICE} when CUDA fails
     */
    public static Optional<PagedKv> tryOpen(
            PagedKvCache cache,
            TokenSlots slots,
            KernelStream stream,
            BufferAllocator deviceMemory,
            long stagingBytes) {
        return tryOpen(cache, slots, stream, deviceMemory, stagingBytes, () -> {});
    }

    /**
     * As {@link #tryOpen(PagedKvCache, TokenSlots, KernelStream, BufferAllocator, long)}, for an engine that may not want
     * the KV any more.
     *
     * @param beforeWrite called before each kernel that writes into the cache is queued; what it throws keeps the kernel
     *     from being queued and reaches the caller
     */
    public static Optional<PagedKv> tryOpen(
            PagedKvCache cache,
            TokenSlots slots,
            KernelStream stream,
            BufferAllocator deviceMemory,
            long stagingBytes,
            Runnable beforeWrite) {
        cache.requireDevice("the stream", stream.ordinal());
        SlotEntries.requireWithin(cache, slots);
        Optional<Leases> leases = tryLease(deviceMemory, tableBytes(cache, slots), stagingBytes);
        if (leases.isEmpty()) {
            return Optional.empty();
        }
        try {
            return Optional.of(open(cache, slots, stream, leases.get(), stagingBytes, beforeWrite));
        } catch (IOException e) {
            leases.get().close();
            throw deviceFailure("open a request", e);
        } catch (RuntimeException e) {
            leases.get().close();
            throw e;
        }
    }

    /** The device memory that {@link #tryOpen} takes for staging chunks of up to so many bytes. */
    public static long stagingBytes(long chunkBytes) {
        return DeviceStaging.deviceBytes(chunkBytes);
    }

    private static PagedKv open(
            PagedKvCache cache,
            TokenSlots slots,
            KernelStream stream,
            Leases leases,
            long stagingBytes,
            Runnable beforeWrite)
            throws IOException {
        ResourceStack resources = new ResourceStack();
        boolean opened = false;
        try {
            PagedKv request = new PagedKv(cache, slots, stream, leases, stagingBytes, beforeWrite, resources);
            opened = true;
            return request;
        } finally {
            if (!opened) {
                resources.close();
            }
        }
    }

    private static long tableBytes(PagedKvCache cache, TokenSlots slots) {
        long layers = cache.layers().size() * KvCopyKernel.LAYER_BYTES;
        return slots.entries() instanceof HostBuffer entries ? layers + entries.byteSize() : layers;
    }

    private static Optional<Leases> tryLease(BufferAllocator memory, long tableBytes, long stagingBytes) {
        Optional<BufferLease> tables = memory.tryAllocate(tableBytes);
        if (tables.isEmpty() || stagingBytes == 0) {
            return tables.map(lease -> new Leases(lease, Optional.empty()));
        }
        Optional<BufferLease> staging = memory.tryAllocate(DeviceStaging.deviceBytes(stagingBytes));
        if (staging.isEmpty()) {
            tables.get().close();
            return Optional.empty();
        }
        return Optional.of(new Leases(tables.get(), staging));
    }

    /** Copies the layers and, where they are in host memory, the slots. */
    private TokenSlots uploadTables(DeviceBuffer tables, TokenSlots slots) throws IOException {
        long layerBytes = cache.layers().size() * KvCopyKernel.LAYER_BYTES;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment upload = arena.allocate(tables.byteSize(), Long.BYTES);
            KvCopyKernel.writeLayers(cache.layers(), upload);
            if (slots.entries() instanceof HostBuffer(MemorySegment entries)) {
                MemorySegment.copy(entries, 0, upload, layerBytes, entries.byteSize());
            }
            stream.copyToDevice(upload, tables);
            stream.synchronize();
        }
        return switch (slots.entries()) {
            case DeviceBuffer _ -> slots;
            case HostBuffer entries -> slots.at(tables.slice(layerBytes, entries.byteSize()));
        };
    }

    private static DeviceBuffer device(BufferLease lease) {
        return switch (lease.buffer()) {
            case DeviceBuffer buffer -> buffer;
            case HostBuffer _ ->
                throw new LmcacheException(
                        ErrorCode.INVALID_ARGUMENT,
                        "A paged request needs an allocator of device memory, but got one of host memory");
        };
    }

    /** Host memory only with a staging buffer. */
    @Override
    public boolean accepts(MemoryDomain domain) {
        return switch (domain) {
            case DEVICE -> true;
            case HOST -> staging.isPresent();
        };
    }

    @Override
    public void fill(TokenRange range, KvBuffer destination) {
        beginFill(range, destination).await();
    }

    /** Queues the copies; buffer and cache are in use until the answer's {@code await} has returned. */
    @Override
    public Filling beginFill(TokenRange range, KvBuffer destination) {
        requireChunk(range, destination);
        try {
            KernelStream.Event filled = events.next();
            switch (destination) {
                case DeviceBuffer buffer -> {
                    kernel.gather(List.of(new ChunkBuffer(range, buffer)));
                    stream.record(filled);
                }
                case HostBuffer(MemorySegment segment) ->
                    staging(segment.byteSize())
                            .take(segment, chunk -> kernel.gather(List.of(new ChunkBuffer(range, chunk))), filled);
            }
            return () -> {
                await("gather " + range, filled);
                events.reuse(filled);
            };
        } catch (IOException e) {
            drain(e);
            throw deviceFailure("gather " + range, e);
        }
    }

    @Override
    public void accept(TokenRange range, KvBuffer source) {
        beginAccept(range, source).await();
    }

    /**
     * Queues the copies; the buffer is in use until the answer's {@code await} has returned. A chunk in host memory may be
     * scattered with those after it: that is queued when its answer is awaited, at the latest.
     */
    @Override
    public Taking beginAccept(TokenRange range, KvBuffer source) {
        requireChunk(range, source);
        try {
            KernelStream.Event taken = events.next();
            switch (source) {
                case DeviceBuffer buffer -> {
                    // In the order of the prompt.
                    if (staging.isPresent()) {
                        staging.get().scatterBrought();
                    }
                    write(List.of(new ChunkBuffer(range, buffer)));
                    stream.record(taken);
                }
                case HostBuffer(MemorySegment segment) ->
                    staging(segment.byteSize()).bring(range, segment, taken);
            }
            return () -> {
                scatter(range);
                await("scatter " + range, taken);
                events.reuse(taken);
            };
        } catch (IOException e) {
            drain(e);
            throw deviceFailure("scatter " + range, e);
        } catch (RuntimeException e) {
            drain(e);
            throw e;
        }
    }

    private void write(List<ChunkBuffer> chunks) throws IOException {
        beforeWrite.run();
        kernel.scatter(chunks);
    }

    /** Queues the scatter of a chunk that was brought, with those brought beside it. */
    private void scatter(TokenRange range) {
        try {
            if (staging.isPresent() && staging.get().holds(range)) {
                staging.get().scatterBrought();
            }
        } catch (IOException e) {
            drain(e);
            throw deviceFailure("scatter " + range, e);
        } catch (RuntimeException e) {
            drain(e);
            throw e;
        }
    }

    private void await(String operation, KernelStream.Event done) {
        try {
            done.await();
        } catch (IOException e) {
            drain(e);
            throw deviceFailure(operation, e);
        }
    }

    /** After a failure: what was queued before it may still use the buffer, which the caller is about to give up. */
    private void drain(Exception failure) {
        try {
            stream.synchronize();
            if (staging.isPresent()) {
                staging.get().drain();
            }
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }

    /**
     * Queues copies from the cache into the chunks, many in one launch. The buffers are in use until the stream is past
     * them.
     */
    public void gather(List<ChunkBuffer> chunks) {
        chunks.forEach(chunk -> requireChunk(chunk.range(), chunk.buffer()));
        try {
            kernel.gather(chunks);
        } catch (IOException e) {
            throw deviceFailure("gather " + chunks.size() + " chunks", e);
        }
    }

    /**
     * Queues copies from the chunks into the cache, many in one launch. The buffers are in use until the stream is past
     * them.
     */
    public void scatter(List<ChunkBuffer> chunks) {
        chunks.forEach(chunk -> requireChunk(chunk.range(), chunk.buffer()));
        try {
            kernel.scatter(chunks);
        } catch (IOException e) {
            throw deviceFailure("scatter " + chunks.size() + " chunks", e);
        }
    }

    private void requireChunk(TokenRange range, KvBuffer buffer) {
        if (closed) {
            throw new LmcacheException(ErrorCode.CLOSED, "A paged request was used after it had been closed");
        }
        long bytes = cache.layout().chunkBytes(range.length());
        if (buffer.byteSize() != bytes) {
            throw new LmcacheException(
                    ErrorCode.LAYOUT_MISMATCH,
                    range + " has " + bytes + " bytes in layout "
                            + cache.layout().fingerprint() + ", but the buffer has " + buffer.byteSize()
                            + "; use one layout for cache and engine");
        }
        if (range.end() > tokens) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    range + " is outside the request, whose slots are known for " + tokens + " tokens");
        }
        if (buffer instanceof DeviceBuffer device) {
            cache.requireDevice("a chunk", device.ordinal());
        }
    }

    private DeviceStaging staging(long bytes) {
        DeviceStaging present = staging.orElseThrow(() -> noStaging(bytes, 0));
        if (present.chunkBytes() < bytes) {
            throw noStaging(bytes, present.chunkBytes());
        }
        return present;
    }

    private static LmcacheException noStaging(long needed, long there) {
        return new LmcacheException(
                ErrorCode.LAYOUT_MISMATCH,
                "A chunk of " + needed + " bytes is in host memory, but the request was opened with " + there
                        + " bytes of staging; open it with the bytes of the longest chunk");
    }

    private static LmcacheException deviceFailure(String operation, IOException cause) {
        return new LmcacheException(
                ErrorCode.DEVICE, "The GPU could not " + operation + ": " + cause.getMessage(), cause);
    }

    /** Waits for the stream and gives the device memory back. Idempotent. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        try (ResourceStack _ = resources) {
            stream.synchronize();
            // Copies into staging that were not scattered, because the request is not wanted any more.
            if (staging.isPresent()) {
                staging.get().drain();
            }
        } catch (IOException e) {
            // A stream that fails here runs nothing any more, so the memory is free all the same.
            throw deviceFailure("end a request", e);
        } finally {
            leases.close();
        }
    }

    @Override
    public String toString() {
        return "PagedKv[" + tokens + " tokens of " + cache + "]";
    }
}
