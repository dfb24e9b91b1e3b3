package io.lmcache.server;

import com.google.protobuf.ByteString;
import io.lmcache.api.KvLayout;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.cuda.CudaException;
import io.lmcache.cuda.CudaStream;
import io.lmcache.cuda.IpcEvent;
import io.lmcache.cuda.IpcMemory;
import io.lmcache.cuda.ResourceStack;
import io.lmcache.cuda.kernel.KernelStream;
import io.lmcache.cuda.paged.PagedKv;
import io.lmcache.cuda.paged.PagedKvCache;
import io.lmcache.cuda.paged.PagedLayer;
import io.lmcache.server.protocol.CudaIpc;
import io.lmcache.server.protocol.Layer;
import io.lmcache.server.protocol.Reason;
import io.lmcache.server.protocol.Region;
import io.lmcache.server.protocol.RegisterKvCacheRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * A paged KV cache in GPU memory that its engine exported by CUDA IPC, with what a few requests at a time need beside it:
 * a stream each, and device memory for their tables and for chunks on the way from or to host memory.
 */
final class DeviceMemory implements EngineMemory {
    /** Loads at a time: while one is being prepared another keeps the bus busy, and more would only share it. */
    private static final int REQUESTS = 2;
    /** What stores may have on its way to the tiers, in tokens: as much as an engine computes in a step. */
    private static final int STAGED_TOKENS = 8192;
    /** How long a store waits for the staging of others: a good part of a step, and more than the bus needs for it. */
    private static final Duration STAGING_PATIENCE = Duration.ofMillis(200);
    /** Stores at a time that have something staged; each has its tables on the GPU. */
    private static final int STORES = 32;

    private static final long PATIENCE_SECONDS = 5;
    /** Around each of the buffers of a request, which an allocator aligns. */
    private static final long ALIGNMENT_SLACK = 4096;

    private final ResourceStack resources = new ResourceStack();
    private final BlockingQueue<KernelStream> streams = new ArrayBlockingQueue<>(REQUESTS);
    private final BlockingQueue<KernelStream> storeStreams = new ArrayBlockingQueue<>(STORES);
    private final List<IpcEvent> events = new ArrayList<>();
    private final PagedKvCache cache;
    private final long chunkBytes;
    private final BufferAllocator buffers;
    private final ChunkStaging staging;
    private final long mappedBytes;

    private DeviceMemory(Gpus.Gpu gpu, KvLayout layout, int chunkTokens, RegisterKvCacheRequest request)
            throws IOException {
        try {
            List<IpcMemory> regions = mapped(gpu, request);
            this.mappedBytes = regions.stream()
                    .mapToLong(region -> region.buffer().byteSize())
                    .sum();
            this.cache = describe(layout, gpu.device().ordinal(), regions, request);
            this.chunkBytes = layout.chunkBytes(chunkTokens);
            this.buffers = allocator(gpu, request, REQUESTS * requestBytes(request));
            this.staging = new ChunkStaging(staging(gpu, request, chunkTokens));
            addStreams(gpu, REQUESTS, streams);
            addStreams(gpu, STORES, storeStreams);
            for (ByteString handle : request.getEventsList()) {
                events.add(resources.add(gpu.device().openIpcEvent(handle.toByteArray())));
            }
        } catch (IOException | RuntimeException e) {
            closeAfter(e);
            throw e;
        }
    }

    /**
     * Maps the regions of a registration.
     *
     * @param chunkTokens the tokens of the longest chunk
     */
    static DeviceMemory map(Gpus gpus, KvLayout layout, int chunkTokens, RegisterKvCacheRequest request) {
        CudaIpc first = request.getRegions(0).getCudaIpc();
        for (Region region : request.getRegionsList()) {
            if (region.getCudaIpc().getHandle().size() != IpcMemory.HANDLE_BYTES) {
                throw Refusal.badArgument(
                        "a handle has %d bytes; pass the %d bytes of the CUipcMemHandle",
                        region.getCudaIpc().getHandle().size(), IpcMemory.HANDLE_BYTES);
            }
            if (!region.getCudaIpc().getDeviceUuid().equals(first.getDeviceUuid())) {
                throw Refusal.badArgument("the regions are on several GPUs; register each rank's own");
            }
        }
        try {
            Gpus.Gpu gpu = gpus.gpu(first.getDeviceUuid());
            DeviceMemory memory = new DeviceMemory(gpu, layout, chunkTokens, request);
            gpus.lockHostMemory(gpu);
            return memory;
        } catch (IOException e) {
            throw new Refusal(
                    Reason.BAD_REGION,
                    "The engine's GPU memory cannot be used: " + e.getMessage()
                            + "; it has to come from cuMemAlloc, so without expandable segments, and the GPU needs "
                            + REQUESTS + " times ten chunks of free memory");
        }
    }

    private List<IpcMemory> mapped(Gpus.Gpu gpu, RegisterKvCacheRequest request) throws CudaException {
        List<IpcMemory> regions = new ArrayList<>();
        for (Region region : request.getRegionsList()) {
            CudaIpc ipc = region.getCudaIpc();
            IpcMemory memory =
                    resources.add(gpu.device().openIpc(ipc.getHandle().toByteArray()));
            if (ipc.getSize() > memory.buffer().byteSize()) {
                throw new Refusal(
                        Reason.BAD_REGION,
                        "An allocation of the engine has " + memory.buffer().byteSize() + " bytes, but " + ipc.getSize()
                                + " were registered");
            }
            regions.add(memory);
        }
        return regions;
    }

    private static PagedKvCache describe(
            KvLayout layout, int ordinal, List<IpcMemory> regions, RegisterKvCacheRequest request) {
        List<PagedLayer> layers = new ArrayList<>();
        for (Layer layer : request.getLayersList()) {
            long base = regions.get(layer.getRegion()).buffer().address();
            layers.add(Layouts.layer(layer, base + layer.getOffset()));
        }
        return new PagedKvCache(layout, ordinal, request.getBlocks(), request.getBlockSize(), layers);
    }

    private void addStreams(Gpus.Gpu gpu, int count, BlockingQueue<KernelStream> target) throws CudaException {
        for (int i = 0; i < count; i++) {
            CudaStream stream = resources.add(gpu.device().newStream());
            target.add(gpu.kernels().on(stream.handle()));
        }
    }

    private long tableBytes(RegisterKvCacheRequest request) {
        return request.getLayersCount() * 64L + request.getBlocks() * (long) Integer.BYTES + ALIGNMENT_SLACK;
    }

    /** The tables, the chunks on their way, and a part of one where not all of it is wanted. */
    private long requestBytes(RegisterKvCacheRequest request) {
        return PagedKv.stagingBytes(chunkBytes) + chunkBytes + tableBytes(request) + 4 * ALIGNMENT_SLACK;
    }

    /** Less than a step's tokens where the GPU has little memory left: then more is declined. */
    private BufferAllocator staging(Gpus.Gpu gpu, RegisterKvCacheRequest request, int chunkTokens) throws IOException {
        long chunks = Math.max(1, STAGED_TOKENS / chunkTokens);
        while (true) {
            try {
                long bytes = chunks * (chunkBytes + ALIGNMENT_SLACK) + STORES * tableBytes(request);
                return allocator(gpu, request, bytes);
            } catch (CudaException e) {
                if (chunks == 1 || !e.isOutOfMemory()) {
                    throw e;
                }
                chunks /= 2;
            }
        }
    }

    private BufferAllocator allocator(Gpus.Gpu gpu, RegisterKvCacheRequest request, long bytes) throws CudaException {
        var memory = resources.add(gpu.device().allocate(bytes));
        SlabAllocator allocator = new SlabAllocator("engine " + request.getEngineId(), memory.buffer(), _ -> {});
        resources.add(allocator::close);
        return allocator;
    }

    @Override
    public RequestKv open(int[] blockIds, TokenRange wanted, int event, Runnable beforeWrite) {
        Optional<IpcEvent> awaited = event(event);
        KernelStream stream = awaitStream();
        boolean opened = false;
        try {
            RequestKv request = new DeviceRequestKv(
                    cache, blockIds, wanted, stream, buffers, chunkBytes, beforeWrite, () -> streams.add(stream));
            opened = true;
            if (awaited.isPresent()) {
                hold(stream, awaited.get(), request);
            }
            return request;
        } finally {
            if (!opened) {
                streams.add(stream);
            }
        }
    }

    private static void hold(KernelStream stream, IpcEvent event, RequestKv request) {
        try {
            stream.waitFor(event);
        } catch (IOException e) {
            request.close();
            throw new Refusal(Reason.SERVER_FAILURE, "The GPU cannot wait for the engine: " + e.getMessage());
        }
    }

    @Override
    public Optional<StagedKv> stage(int[] blockIds, Supplier<List<TokenRange>> chunks, int event) {
        Optional<IpcEvent> awaited = event(event);
        KernelStream stream = storeStreams.poll();
        if (stream == null) {
            return Optional.of(new Declined(tokens(chunks.get())));
        }
        boolean staged = false;
        try {
            StagedKv kv = DeviceStagedKv.gather(
                    cache,
                    blockIds,
                    chunks,
                    stream,
                    staging,
                    awaited,
                    STAGING_PATIENCE,
                    () -> storeStreams.add(stream));
            staged = true;
            return Optional.of(kv);
        } finally {
            if (!staged) {
                storeStreams.add(stream);
            }
        }
    }

    private static int tokens(List<TokenRange> chunks) {
        return chunks.stream().mapToInt(TokenRange::length).sum();
    }

    /** Nothing, because too many stores are under way. */
    private record Declined(int declinedTokens) implements StagedKv {
        @Override
        public int tokens() {
            return 0;
        }

        @Override
        public void fill(TokenRange range, KvBuffer destination) {
            throw new NotStaged();
        }

        @Override
        public void close() {
            // Nothing to give back.
        }
    }

    private Optional<IpcEvent> event(int number) {
        if (number < 0 || number > events.size()) {
            throw Refusal.badArgument(
                    "event is %d, but %d were registered", Integer.toUnsignedLong(number), events.size());
        }
        return number == 0 ? Optional.empty() : Optional.of(events.get(number - 1));
    }

    private KernelStream awaitStream() {
        try {
            KernelStream stream = streams.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
            if (stream != null) {
                return stream;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        throw new Refusal(
                Reason.BUSY, REQUESTS + " transfers of this KV cache are under way; wait for one, or go on without");
    }

    @Override
    public int concurrentRequests() {
        return REQUESTS;
    }

    @Override
    public long deviceBytes() {
        return buffers.limitBytes() + staging.memory().limitBytes();
    }

    @Override
    public long mappedBytes() {
        return mappedBytes;
    }

    @Override
    public void close() {
        try {
            resources.close();
        } catch (IOException e) {
            throw new UncheckedIOException("GPU memory of an engine was not let go", e);
        }
    }

    private void closeAfter(Exception failure) {
        try {
            resources.close();
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }
}
