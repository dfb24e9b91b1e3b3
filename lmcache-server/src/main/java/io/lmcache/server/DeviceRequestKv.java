package io.lmcache.server;

import io.lmcache.api.KvLayout;
import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.cuda.kernel.KernelStream;
import io.lmcache.cuda.paged.BlockTable;
import io.lmcache.cuda.paged.PagedKv;
import io.lmcache.cuda.paged.PagedKvCache;
import io.lmcache.server.protocol.Reason;
import java.io.IOException;

/** One request in a paged cache on a GPU. For one thread. */
final class DeviceRequestKv implements RequestKv {
    private final KvLayout layout;
    private final TokenRange wanted;
    private final KernelStream stream;
    private final BufferLease part;
    private final PagedKv kv;
    private final Runnable whenClosed;

    /**
     * Opens it.
     *
     * @param buffers has room for what a request needs
     * @param beforeWrite called before each kernel that writes; what it throws ends the transfer
     * @param whenClosed gives the stream back
     */
    DeviceRequestKv(
            PagedKvCache cache,
            int[] blockIds,
            TokenRange wanted,
            KernelStream stream,
            BufferAllocator buffers,
            long chunkBytes,
            Runnable beforeWrite,
            Runnable whenClosed) {
        this.layout = cache.layout();
        this.wanted = wanted;
        this.stream = stream;
        this.whenClosed = whenClosed;
        this.part = buffers.tryAllocate(chunkBytes).orElseThrow(DeviceRequestKv::noMemory);
        boolean opened = false;
        try {
            this.kv = PagedKv.tryOpen(cache, BlockTable.of(blockIds), stream, buffers, chunkBytes, beforeWrite)
                    .orElseThrow(DeviceRequestKv::noMemory);
            opened = true;
        } finally {
            if (!opened) {
                part.close();
            }
        }
    }

    private static Refusal noMemory() {
        return new Refusal(Reason.BUSY, "The GPU memory for requests of this KV cache is used up; try again");
    }

    @Override
    public KvSource source() {
        return kv;
    }

    @Override
    public KvSink sink() {
        return new KvSink() {
            @Override
            public boolean accepts(MemoryDomain domain) {
                return kv.accepts(domain);
            }

            @Override
            public void accept(TokenRange range, KvBuffer source) {
                beginAccept(range, source).await();
            }

            @Override
            public Taking beginAccept(TokenRange range, KvBuffer source) {
                int start = Math.max(range.start(), wanted.start());
                int end = Math.min(range.end(), wanted.end());
                if (start == range.start() && end == range.end()) {
                    return kv.beginAccept(range, source);
                }
                if (start < end) {
                    acceptPart(range, new TokenRange(start, end), source);
                }
                return () -> {};
            }
        };
    }

    /** The kernels copy whole chunks: what is wanted of this one is made a chunk of its own first. */
    private void acceptPart(TokenRange range, TokenRange wantedPart, KvBuffer source) {
        DeviceBuffer chunk = ((DeviceBuffer) part.buffer()).slice(0, layout.chunkBytes(wantedPart.length()));
        try {
            copyRows(range, wantedPart, source, chunk);
        } catch (IOException e) {
            throw new Refusal(Reason.SERVER_FAILURE, "The GPU could not copy a part of a chunk: " + e.getMessage());
        }
        kv.accept(wantedPart, chunk);
    }

    private void copyRows(TokenRange range, TokenRange wantedPart, KvBuffer source, DeviceBuffer chunk)
            throws IOException {
        long tokenBytes = (long) layout.hiddenSize() * layout.dtype().bytes();
        long rowBytes = wantedPart.length() * tokenBytes;
        try {
            for (int row = 0; row < layout.format().planes() * layout.layers(); row++) {
                long from = ((long) row * range.length() + wantedPart.start() - range.start()) * tokenBytes;
                copy(source.slice(from, rowBytes), chunk.slice(row * rowBytes, rowBytes));
            }
        } finally {
            // Also after a failure: the copies under way read the chunk, which is the cache's again afterwards.
            stream.synchronize();
        }
    }

    private void copy(KvBuffer from, DeviceBuffer to) throws IOException {
        switch (from) {
            case HostBuffer host -> stream.copyToDevice(host.segment(), to);
            case DeviceBuffer device -> stream.copy(device, to);
        }
    }

    @Override
    public void close() {
        try (part) {
            kv.close();
        } finally {
            whenClosed.run();
        }
    }
}
