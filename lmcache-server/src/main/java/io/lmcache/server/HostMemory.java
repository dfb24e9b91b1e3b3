package io.lmcache.server;

import io.lmcache.api.KvLayout;
import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.cuda.paged.BlockTable;
import io.lmcache.cuda.paged.HostPagedKv;
import io.lmcache.cuda.paged.PagedKvCache;
import io.lmcache.cuda.paged.PagedLayer;
import io.lmcache.server.protocol.Layer;
import io.lmcache.server.protocol.Region;
import io.lmcache.server.protocol.RegisterKvCacheRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/** A paged KV cache in POSIX shared memory. */
final class HostMemory implements EngineMemory {
    private final Arena arena;
    private final List<SharedMemoryFile> regions = new ArrayList<>();
    private final List<MemorySegment> layers = new ArrayList<>();
    private final PagedKvCache cache;

    private HostMemory(KvLayout layout, RegisterKvCacheRequest request) {
        this.arena = Arena.ofShared();
        try {
            for (Region region : request.getRegionsList()) {
                regions.add(SharedMemoryFile.map(region.getSharedMemory(), arena));
            }
            this.cache = describe(layout, request);
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /** Maps the regions of a registration. */
    static HostMemory map(KvLayout layout, RegisterKvCacheRequest request) {
        return new HostMemory(layout, request);
    }

    private PagedKvCache describe(KvLayout layout, RegisterKvCacheRequest request) {
        List<PagedLayer> places = new ArrayList<>();
        for (Layer layer : request.getLayersList()) {
            MemorySegment segment = regions.get(layer.getRegion()).segment().asSlice(layer.getOffset());
            layers.add(segment);
            places.add(Layouts.layer(layer, segment.address()));
        }
        return new PagedKvCache(layout, PagedKvCache.HOST, request.getBlocks(), request.getBlockSize(), places);
    }

    @Override
    public RequestKv open(int[] blockIds, TokenRange wanted, int event, Runnable beforeWrite) {
        if (event != 0) {
            throw Refusal.badArgument("event is %d, but a KV cache in shared memory has none", event);
        }
        HostPagedKv kv = new HostPagedKv(cache, layers, BlockTable.of(blockIds), wanted, beforeWrite);
        return new RequestKv() {
            @Override
            public KvSource source() {
                return (range, chunk) -> SharedMemoryFile.guarded(regions, () -> kv.fill(range, chunk));
            }

            @Override
            public KvSink sink() {
                return (range, chunk) -> SharedMemoryFile.guarded(regions, () -> kv.accept(range, chunk));
            }

            @Override
            public void close() {
                // The copies of a request are done when the calls that made them return.
            }
        };
    }

    /** Reading the blocks once is as fast as anything else on a host. */
    @Override
    public Optional<StagedKv> stage(int[] blockIds, Supplier<List<TokenRange>> chunks, int event) {
        return Optional.empty();
    }

    @Override
    public int concurrentRequests() {
        return Transfers.MAX_UNDER_WAY;
    }

    @Override
    public long deviceBytes() {
        return 0;
    }

    @Override
    public long mappedBytes() {
        return regions.stream().mapToLong(region -> region.segment().byteSize()).sum();
    }

    @Override
    public void close() {
        arena.close();
        for (SharedMemoryFile region : regions) {
            try {
                region.close();
            } catch (IOException e) {
                throw new UncheckedIOException("Shared memory of an engine was not let go", e);
            }
        }
    }
}
