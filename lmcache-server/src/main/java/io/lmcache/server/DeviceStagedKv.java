package io.lmcache.server;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.cuda.IpcEvent;
import io.lmcache.cuda.kernel.KernelStream;
import io.lmcache.cuda.paged.BlockTable;
import io.lmcache.cuda.paged.ChunkBuffer;
import io.lmcache.cuda.paged.PagedKv;
import io.lmcache.cuda.paged.PagedKvCache;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Chunks in GPU memory, gathered by one kernel out of a paged cache. For one thread. */
final class DeviceStagedKv implements StagedKv {
    private final KernelStream stream;
    private final Map<TokenRange, BufferLease> chunks;
    private final int tokens;
    private final Runnable whenClosed;

    private DeviceStagedKv(KernelStream stream, Map<TokenRange, BufferLease> chunks, Runnable whenClosed) {
        this.stream = stream;
        this.chunks = chunks;
        this.tokens = chunks.keySet().stream().mapToInt(TokenRange::length).sum();
        this.whenClosed = whenClosed;
    }

    /**
     * Gathers as many of the chunks as there is memory for, from the first; returns when the cache has been read.
     *
     * @param stream with nothing queued on it; is used until {@code whenClosed}
     * @param event what the gather waits for
     */
    static DeviceStagedKv gather(
            PagedKvCache cache,
            int[] blockIds,
            List<TokenRange> wanted,
            KernelStream stream,
            BufferAllocator memory,
            Optional<IpcEvent> event,
            Runnable whenClosed) {
        Map<TokenRange, BufferLease> leases = new LinkedHashMap<>();
        DeviceStagedKv staged = null;
        try {
            Optional<PagedKv> request = wanted.isEmpty()
                    ? Optional.empty()
                    : PagedKv.tryOpen(cache, BlockTable.of(blockIds), stream, memory, 0);
            if (request.isPresent()) {
                try (PagedKv paged = request.get()) {
                    leaseInto(leases, cache.layout(), wanted, memory);
                    gather(paged, stream, leases, event);
                }
            }
            staged = new DeviceStagedKv(stream, leases, whenClosed);
            return staged;
        } catch (IOException e) {
            throw new LmcacheException(ErrorCode.DEVICE, "The GPU could not stage chunks: " + e.getMessage(), e);
        } finally {
            if (staged == null) {
                leases.values().forEach(BufferLease::close);
            }
        }
    }

    private static void leaseInto(
            Map<TokenRange, BufferLease> leases, KvLayout layout, List<TokenRange> wanted, BufferAllocator memory) {
        for (TokenRange range : wanted) {
            Optional<BufferLease> lease = memory.tryAllocate(layout.chunkBytes(range.length()));
            if (lease.isEmpty()) {
                return;
            }
            leases.put(range, lease.get());
        }
    }

    private static void gather(
            PagedKv paged, KernelStream stream, Map<TokenRange, BufferLease> leases, Optional<IpcEvent> event)
            throws IOException {
        if (leases.isEmpty()) {
            return;
        }
        List<ChunkBuffer> buffers = new ArrayList<>();
        leases.forEach((range, lease) -> buffers.add(new ChunkBuffer(range, (DeviceBuffer) lease.buffer())));
        if (event.isPresent()) {
            stream.waitFor(event.get());
        }
        paged.gather(buffers);
        // The engine may be computing for long: an event is awaited without keeping a core busy.
        try (KernelStream.Event gathered = stream.newEvent()) {
            stream.record(gathered);
            gathered.await();
        }
    }

    @Override
    public int tokens() {
        return tokens;
    }

    @Override
    public boolean accepts(MemoryDomain domain) {
        return true;
    }

    @Override
    public void fill(TokenRange range, KvBuffer destination) {
        beginFill(range, destination).await();
    }

    @Override
    public Filling beginFill(TokenRange range, KvBuffer destination) {
        BufferLease chunk = chunks.get(range);
        if (chunk == null) {
            throw new NotStaged();
        }
        try {
            KernelStream.Event copied = stream.newEvent();
            queueCopy((DeviceBuffer) chunk.buffer(), destination);
            stream.record(copied);
            return () -> {
                await(copied);
                chunks.remove(range);
                chunk.close();
            };
        } catch (IOException e) {
            throw failure(e);
        }
    }

    private void queueCopy(DeviceBuffer chunk, KvBuffer destination) throws IOException {
        switch (destination) {
            case HostBuffer host -> stream.copyToHost(chunk, host.segment());
            case DeviceBuffer device -> stream.copy(chunk, device);
        }
    }

    private static void await(KernelStream.Event copied) {
        try (copied) {
            copied.await();
        } catch (IOException e) {
            throw failure(e);
        }
    }

    private static LmcacheException failure(IOException cause) {
        return new LmcacheException(
                ErrorCode.DEVICE, "The GPU could not copy a staged chunk: " + cause.getMessage(), cause);
    }

    @Override
    public void close() {
        try {
            stream.synchronize();
        } catch (IOException e) {
            throw failure(e);
        } finally {
            chunks.values().forEach(BufferLease::close);
            chunks.clear();
            whenClosed.run();
        }
    }
}
