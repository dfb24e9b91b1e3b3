package io.lmcache.server;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.TokenRange;
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
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/** Chunks in GPU memory, gathered by one kernel out of a paged cache. For one thread. */
final class DeviceStagedKv implements StagedKv {
    private final KernelStream stream;
    private final Map<TokenRange, ChunkStaging.Room> chunks;
    private final int tokens;
    private final int declinedTokens;
    private final Runnable whenClosed;

    private DeviceStagedKv(
            KernelStream stream,
            Map<TokenRange, ChunkStaging.Room> chunks,
            Collection<TokenRange> wanted,
            Runnable whenClosed) {
        this.stream = stream;
        this.chunks = chunks;
        this.tokens = tokens(chunks.keySet());
        this.declinedTokens = tokens(wanted) - tokens;
        this.whenClosed = whenClosed;
    }

    private static int tokens(Collection<TokenRange> chunks) {
        return chunks.stream().mapToInt(TokenRange::length).sum();
    }

    /**
     * Gathers as many of the chunks as there is memory for, from the first; returns when the cache has been read. Takes
     * memory when the engine is done with the chunks, not while it computes them, which takes many times longer.
     *
     * @param wanted is asked when the engine is done with the blocks
     * @param stream with nothing queued on it; is used until {@code whenClosed}
     * @param event what is waited for before the cache is read
     * @param patience how long to wait for memory
     */
    static DeviceStagedKv gather(
            PagedKvCache cache,
            int[] blockIds,
            Supplier<List<TokenRange>> wanted,
            KernelStream stream,
            ChunkStaging staging,
            Optional<IpcEvent> event,
            Duration patience,
            Runnable whenClosed) {
        Map<TokenRange, ChunkStaging.Room> leases = new LinkedHashMap<>();
        DeviceStagedKv staged = null;
        try {
            if (event.isPresent()) {
                stream.waitFor(event.get());
                await(stream);
            }
            List<TokenRange> chunks = wanted.get();
            leaseInto(leases, cache.layout(), chunks, staging, patience);
            Optional<PagedKv> request = leases.isEmpty()
                    ? Optional.empty()
                    : PagedKv.tryOpen(cache, BlockTable.of(blockIds), stream, staging.memory(), 0);
            if (request.isPresent()) {
                try (PagedKv paged = request.get()) {
                    gather(paged, stream, leases);
                }
            } else {
                leases.values().forEach(ChunkStaging.Room::close);
                leases.clear();
            }
            staged = new DeviceStagedKv(stream, leases, chunks, whenClosed);
            return staged;
        } catch (IOException e) {
            throw new LmcacheException(ErrorCode.DEVICE, "The GPU could not stage chunks: " + e.getMessage(), e);
        } finally {
            if (staged == null) {
                leases.values().forEach(ChunkStaging.Room::close);
            }
        }
    }

    private static void leaseInto(
            Map<TokenRange, ChunkStaging.Room> leases,
            KvLayout layout,
            List<TokenRange> wanted,
            ChunkStaging staging,
            Duration patience) {
        List<Long> bytes =
                wanted.stream().map(range -> layout.chunkBytes(range.length())).toList();
        List<ChunkStaging.Room> room = staging.lease(bytes, patience);
        for (int i = 0; i < room.size(); i++) {
            leases.put(wanted.get(i), room.get(i));
        }
    }

    private static void gather(PagedKv paged, KernelStream stream, Map<TokenRange, ChunkStaging.Room> leases)
            throws IOException {
        List<ChunkBuffer> buffers = new ArrayList<>();
        leases.forEach((range, lease) -> buffers.add(new ChunkBuffer(range, (DeviceBuffer) lease.buffer())));
        paged.gather(buffers);
        await(stream);
    }

    /** Waits without keeping a core busy: an engine may be computing for long. */
    private static void await(KernelStream stream) throws IOException {
        try (KernelStream.Event reached = stream.newEvent()) {
            stream.record(reached);
            reached.await();
        }
    }

    @Override
    public int tokens() {
        return tokens;
    }

    @Override
    public int declinedTokens() {
        return declinedTokens;
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
        ChunkStaging.Room chunk = chunks.get(range);
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
            chunks.values().forEach(ChunkStaging.Room::close);
            chunks.clear();
            whenClosed.run();
        }
    }
}
