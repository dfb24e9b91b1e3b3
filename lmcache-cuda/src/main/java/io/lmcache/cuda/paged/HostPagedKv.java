package io.lmcache.cuda.paged;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * One request's KV in a paged cache in host memory: gathers chunks out of it and scatters chunks into it, on the thread
 * that calls. What {@link PagedKv} is for a GPU.
 *
 * <p>Owns nothing, needs no close. As thread-safe as the memory itself; the engine owns that.
 */
public final class HostPagedKv implements KvSource, KvSink {
    private final PagedKvCache cache;
    private final List<MemorySegment> layers;
    private final TokenSlots slots;
    private final TokenRange wanted;
    private final Runnable beforeWrite;
    private final long headBytes;
    private final long rowBytes;

    /**
     * A request.
     *
     * @param cache the engine's cache, on {@link PagedKvCache#HOST}
     * @param layers the memory of each layer, from its first element to the end of its last at least
     * @param slots where the request's tokens stand in it, in host memory
     * @param wanted the tokens that may be written: the slots of others are left as they are
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when these do not fit together
     */
    public HostPagedKv(PagedKvCache cache, List<MemorySegment> layers, TokenSlots slots, TokenRange wanted) {
        this(cache, layers, slots, wanted, () -> {});
    }

    /**
     * As {@link #HostPagedKv(PagedKvCache, List, TokenSlots, TokenRange)}, for an engine that may not want the KV any more.
     *
     * @param beforeWrite called before each run of slots is written; what it throws ends the copy and reaches the caller
     */
    public HostPagedKv(
            PagedKvCache cache, List<MemorySegment> layers, TokenSlots slots, TokenRange wanted, Runnable beforeWrite) {
        cache.requireDevice("the request", PagedKvCache.HOST);
        SlotEntries.requireWithin(cache, slots);
        this.cache = cache;
        this.layers = List.copyOf(layers);
        this.slots = slots;
        this.wanted = wanted;
        this.beforeWrite = beforeWrite;
        this.headBytes = cache.headBytes();
        this.rowBytes = headBytes * cache.layout().kvHeads();
    }

    @Override
    public void fill(TokenRange range, KvBuffer destination) {
        copy(range, range, chunk(range, destination), true);
    }

    /** Takes the tokens of the range that are wanted. */
    @Override
    public void accept(TokenRange range, KvBuffer source) {
        MemorySegment chunk = chunk(range, source);
        int start = Math.max(range.start(), wanted.start());
        int end = Math.min(range.end(), wanted.end());
        if (start < end) {
            copy(range, new TokenRange(start, end), chunk, false);
        }
    }

    private MemorySegment chunk(TokenRange range, KvBuffer buffer) {
        long bytes = cache.layout().chunkBytes(range.length());
        if (buffer.byteSize() != bytes) {
            throw new LmcacheException(
                    ErrorCode.LAYOUT_MISMATCH,
                    range + " has " + bytes + " bytes in layout "
                            + cache.layout().fingerprint() + ", but the buffer has " + buffer.byteSize()
                            + "; use one layout for cache and engine");
        }
        return switch (buffer) {
            case HostBuffer(MemorySegment segment) -> segment;
            case DeviceBuffer _ ->
                throw new LmcacheException(
                        ErrorCode.LAYOUT_MISMATCH, "The chunk lies in device memory, this cache in host memory");
        };
    }

    /**
     * Copies, slot run by slot run.
     *
     * @param range the tokens of the chunk
     * @param part those of them that are copied
     */
    private void copy(TokenRange range, TokenRange part, MemorySegment chunk, boolean gather) {
        if (part.end() > slots.tokens(cache.blockSize())) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    part + " is outside the request, whose slots are known for " + slots.tokens(cache.blockSize())
                            + " tokens");
        }
        int token = part.start();
        while (token < part.end()) {
            long place = place(token);
            int run = run(token, place, part.end());
            if (!gather) {
                beforeWrite.run();
            }
            copyRun(place, run, range, token, chunk, gather);
            token += run;
        }
    }

    /** The slot of a token, counted over all blocks. */
    private long place(int token) {
        return switch (slots) {
            case BlockTable(KvBuffer entries) -> {
                long block = segment(entries).getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, token / cache.blockSize());
                yield block * cache.blockSize() + token % cache.blockSize();
            }
            case SlotMapping(KvBuffer entries) -> segment(entries).getAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, token);
        };
    }

    private static MemorySegment segment(KvBuffer entries) {
        return ((HostBuffer) entries).segment();
    }

    /** How many tokens from this one on stand next to each other in one block. */
    private int run(int token, long place, int end) {
        int inBlock = cache.blockSize() - (int) (place % cache.blockSize());
        int longest = Math.min(inBlock, end - token);
        int run = 1;
        while (run < longest && place(token + run) == place + run) {
            run++;
        }
        return run;
    }

    private void copyRun(long place, int run, TokenRange range, int token, MemorySegment chunk, boolean gather) {
        long block = place / cache.blockSize();
        long slot = place % cache.blockSize();
        long dense = (token - range.start()) * rowBytes;
        for (int plane = 0; plane < cache.layout().format().planes(); plane++) {
            for (int index = 0; index < layers.size(); index++) {
                PagedLayer layer = cache.layers().get(index);
                long paged = plane * layer.planeStride() + block * layer.blockStride() + slot * layer.slotStride();
                long row = ((long) plane * layers.size() + index) * range.length() * rowBytes;
                copyRows(layer, layers.get(index), paged, chunk, row + dense, run, gather);
            }
        }
    }

    /** The longest pieces that are contiguous on both sides: all rows, a row, or a head. */
    private void copyRows(
            PagedLayer layer, MemorySegment paged, long at, MemorySegment chunk, long dense, int rows, boolean gather) {
        boolean wholeRows = cache.layout().kvHeads() == 1 || layer.headStride() == headBytes;
        if (wholeRows && (rows == 1 || layer.slotStride() == rowBytes)) {
            move(paged, at, chunk, dense, rows * rowBytes, gather);
            return;
        }
        for (int row = 0; row < rows; row++) {
            if (wholeRows) {
                move(paged, at + row * layer.slotStride(), chunk, dense + row * rowBytes, rowBytes, gather);
            } else {
                copyHeads(layer, paged, at + row * layer.slotStride(), chunk, dense + row * rowBytes, gather);
            }
        }
    }

    private void copyHeads(
            PagedLayer layer, MemorySegment paged, long at, MemorySegment chunk, long dense, boolean gather) {
        for (int head = 0; head < cache.layout().kvHeads(); head++) {
            move(paged, at + head * layer.headStride(), chunk, dense + head * headBytes, headBytes, gather);
        }
    }

    private static void move(
            MemorySegment paged, long at, MemorySegment chunk, long dense, long bytes, boolean gather) {
        if (gather) {
            MemorySegment.copy(paged, at, chunk, dense, bytes);
        } else {
            MemorySegment.copy(chunk, dense, paged, at, bytes);
        }
    }

    @Override
    public String toString() {
        return "HostPagedKv[" + wanted + " of " + cache + "]";
    }
}
