package io.lmcache.server;

import io.lmcache.api.KvLayout;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.cuda.CudaException;
import io.lmcache.cuda.CudaStream;
import io.lmcache.cuda.IpcMemory;
import io.lmcache.cuda.ResourceStack;
import io.lmcache.cuda.kernel.KernelStream;
import io.lmcache.cuda.paged.PagedKvCache;
import io.lmcache.cuda.paged.PagedLayer;
import io.lmcache.server.protocol.CudaIpc;
import io.lmcache.server.protocol.Layer;
import io.lmcache.server.protocol.Reason;
import io.lmcache.server.protocol.Region;
import io.lmcache.server.protocol.RegisterKvCacheRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A paged KV cache in GPU memory that its engine exported by CUDA IPC, with what a few requests at a time need beside it:
 * a stream each, and device memory for their tables and for chunks on the way from or to host memory.
 */
final class DeviceMemory implements EngineMemory {
    /** A worker loads and saves at the same time; more requests than that would only share the same bus. */
    private static final int REQUESTS = 2;

    private static final long PATIENCE_SECONDS = 5;
    /** Around each of the buffers of a request, which an allocator aligns. */
    private static final long ALIGNMENT_SLACK = 4096;

    private final ResourceStack resources = new ResourceStack();
    private final BlockingQueue<KernelStream> streams = new ArrayBlockingQueue<>(REQUESTS);
    private final PagedKvCache cache;
    private final long chunkBytes;
    private final BufferAllocator buffers;
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
            this.buffers = buffers(gpu, request);
            for (int i = 0; i < REQUESTS; i++) {
                CudaStream stream = resources.add(gpu.device().newStream());
                streams.add(gpu.kernels().on(stream.handle()));
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
            return new DeviceMemory(gpus.gpu(first.getDeviceUuid()), layout, chunkTokens, request);
        } catch (IOException e) {
            throw new Refusal(
                    Reason.BAD_REGION,
                    "The engine's GPU memory cannot be used: " + e.getMessage()
                            + "; it has to come from cuMemAlloc, so without expandable segments, and the GPU needs "
                            + REQUESTS + " times three chunks of free memory");
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

    /** For each request its tables, two chunks on their way, and a part of one where not all of it is wanted. */
    private BufferAllocator buffers(Gpus.Gpu gpu, RegisterKvCacheRequest request) throws CudaException {
        long tables = request.getLayersCount() * 64L + request.getBlocks() * (long) Integer.BYTES;
        long bytes = REQUESTS * (3 * chunkBytes + tables + 4 * ALIGNMENT_SLACK);
        var memory = resources.add(gpu.device().allocate(bytes));
        SlabAllocator allocator = new SlabAllocator("engine " + request.getEngineId(), memory.buffer(), _ -> {});
        resources.add(allocator::close);
        return allocator;
    }

    @Override
    public RequestKv open(int[] blockIds, TokenRange wanted) {
        KernelStream stream = awaitStream();
        boolean opened = false;
        try {
            RequestKv request = new DeviceRequestKv(
                    cache, blockIds, wanted, stream, buffers, chunkBytes, () -> streams.add(stream));
            opened = true;
            return request;
        } finally {
            if (!opened) {
                streams.add(stream);
            }
        }
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
