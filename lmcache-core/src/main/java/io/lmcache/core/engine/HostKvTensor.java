package io.lmcache.core.engine;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * An engine's KV cache of one sequence as a contiguous tensor in host memory, {@code [planes, layers, capacity, hidden]}
 * in C order: token {@code t} of the prompt has its place at index {@code t} of the third dimension.
 *
 * <p>As a source it gives chunks to the cache, as a sink it takes them back. Touches nothing but the tokens it is asked
 * for. As thread-safe as the memory itself; the engine owns that.
 */
public final class HostKvTensor implements KvSource, KvSink {
    private final KvLayout layout;
    private final MemorySegment tensor;
    private final int capacity;
    private final long tokenBytes;

    /**
     * A view of the engine's memory.
     *
     * @param layout the dimensions but the number of tokens
     * @param tensor the memory, on or off heap, of {@code layout.chunkBytes(capacity)} bytes or more; what follows the
     *     tensor is never touched
     * @param capacity tokens that the tensor has room for
     * @throws LmcacheException with {@link ErrorCode#LAYOUT_MISMATCH} when the memory is too small
     */
    public HostKvTensor(KvLayout layout, MemorySegment tensor, int capacity) {
        if (capacity < 1 || tensor.byteSize() < layout.chunkBytes(capacity)) {
            throw new LmcacheException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "A tensor of " + capacity + " tokens in layout " + layout.fingerprint() + " "
                            + layout.dtype().text() + " has " + layout.chunkBytes(Math.max(capacity, 0))
                            + " bytes, but the memory has only " + tensor.byteSize()
                            + "; check the capacity and the layout");
        }
        this.layout = layout;
        this.tensor = tensor;
        this.capacity = capacity;
        this.tokenBytes = (long) layout.hiddenSize() * layout.dtype().bytes();
    }

    /**
     * A view of the bytes between the buffer's position and limit.
     *
     * @see #HostKvTensor(KvLayout, MemorySegment, int)
     */
    public static HostKvTensor of(KvLayout layout, ByteBuffer tensor, int capacity) {
        return new HostKvTensor(layout, MemorySegment.ofBuffer(tensor), capacity);
    }

    @Override
    public void fill(TokenRange range, KvBuffer destination) {
        MemorySegment chunk = chunk(range, destination);
        long bytes = range.length() * tokenBytes;
        for (int row = 0; row < rows(); row++) {
            MemorySegment.copy(tensor, offset(row, range), chunk, row * bytes, bytes);
        }
    }

    @Override
    public void accept(TokenRange range, KvBuffer source) {
        MemorySegment chunk = chunk(range, source);
        long bytes = range.length() * tokenBytes;
        for (int row = 0; row < rows(); row++) {
            MemorySegment.copy(chunk, row * bytes, tensor, offset(row, range), bytes);
        }
    }

    @Override
    public String toString() {
        return "HostKvTensor[" + layout.fingerprint() + " " + layout.dtype().text() + ", capacity=" + capacity + "]";
    }

    /** One row for each layer of each plane: what is contiguous in both tensors. */
    private int rows() {
        return layout.format().planes() * layout.layers();
    }

    private long offset(int row, TokenRange range) {
        return ((long) row * capacity + range.start()) * tokenBytes;
    }

    private MemorySegment chunk(TokenRange range, KvBuffer buffer) {
        if (range.end() > capacity) {
            throw new LmcacheException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "Tokens " + range.start() + " to " + range.end() + " do not fit a tensor of " + capacity
                            + " tokens; give the engine's tensor more room or the cache a shorter prompt");
        }
        long expected = layout.chunkBytes(range.length());
        if (buffer.byteSize() != expected) {
            throw new LmcacheException(
                    ErrorCode.LAYOUT_MISMATCH,
                    range.length() + " tokens in layout " + layout.fingerprint() + " have " + expected
                            + " bytes, but the chunk has " + buffer.byteSize()
                            + "; open the cache with the layout of this tensor");
        }
        return switch (buffer) {
            case HostBuffer host -> host.segment();
            default ->
                throw new LmcacheException(
                        ErrorCode.LAYOUT_MISMATCH,
                        "The chunk lies in " + buffer.domain() + " memory, this tensor takes host memory only");
        };
    }
}
