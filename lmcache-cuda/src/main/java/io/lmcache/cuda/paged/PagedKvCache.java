package io.lmcache.cuda.paged;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.MemoryFormat;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongFunction;

/**
 * An engine's paged KV cache in the memory of one GPU or of the host: blocks of slots, a slot for each token, in every
 * layer. A description only; the memory stays the engine's.
 *
 * <p>Tensors may be views, so take their data pointers and strides, never the shape alone; the factories are for tensors
 * that are contiguous. Immutable and thread-safe.
 *
 * @param layout what the cache holds, and what chunks made of it hold
 * @param ordinal the CUDA ordinal of the device, or {@link #HOST}
 * @param blocks the number of blocks
 * @param blockSize the slots of a block
 * @param layers where each layer lies
 */
public record PagedKvCache(KvLayout layout, int ordinal, int blocks, int blockSize, List<PagedLayer> layers) {
    /** In place of an ordinal: the cache lies in host memory. */
    public static final int HOST = -1;

    // CUDA's limit for the grid dimension that counts planes times layers.
    private static final int MAX_PLANES_AND_LAYERS = 65_535;

    /**
     * Checks the description.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when it contradicts itself
     */
    public PagedKvCache {
        layers = List.copyOf(layers);
        if (ordinal < HOST || blocks < 1 || blockSize < 1) {
            throw invalid("device " + ordinal + ", " + blocks + " blocks of " + blockSize + " slots");
        }
        if (layers.size() != layout.layers()) {
            throw invalid(layers.size() + " layers are described, but the layout has " + layout.layers());
        }
        if (layout.format().planes() * (long) layers.size() > MAX_PLANES_AND_LAYERS) {
            throw invalid("more than " + MAX_PLANES_AND_LAYERS + " planes and layers");
        }
        for (PagedLayer layer : layers) {
            layer.check(layout, blocks, blockSize);
        }
    }

    /** Tensors {@code [2, blocks, block size, heads, head size]}, one for each address, as FlashAttention has them. */
    public static PagedKvCache keysFirst(
            KvLayout layout, int ordinal, int blocks, int blockSize, HeadOrder order, long... addresses) {
        requireFormat(layout, MemoryFormat.KV_2LTD);
        long blockBytes = blockBytes(layout, blockSize);
        long planeBytes = Math.multiplyExact(blockBytes, blocks);
        return of(
                layout,
                ordinal,
                blocks,
                blockSize,
                address -> layer(layout, blockSize, order, address, planeBytes, blockBytes),
                addresses);
    }

    /** Tensors {@code [blocks, 2, block size, heads, head size]}, one for each address, as FlashInfer and Triton have them. */
    public static PagedKvCache blocksFirst(
            KvLayout layout, int ordinal, int blocks, int blockSize, HeadOrder order, long... addresses) {
        requireFormat(layout, MemoryFormat.KV_2LTD);
        long blockBytes = blockBytes(layout, blockSize);
        return of(
                layout,
                ordinal,
                blocks,
                blockSize,
                address -> layer(layout, blockSize, order, address, blockBytes, 2 * blockBytes),
                addresses);
    }

    /** Tensors {@code [blocks, block size, dim]}, one for each address, of latent attention. */
    public static PagedKvCache latent(KvLayout layout, int ordinal, int blocks, int blockSize, long... addresses) {
        requireFormat(layout, MemoryFormat.KV_MLA_FMT);
        long blockBytes = blockBytes(layout, blockSize);
        return of(
                layout,
                ordinal,
                blocks,
                blockSize,
                address -> layer(layout, blockSize, HeadOrder.NHD, address, 0, blockBytes),
                addresses);
    }

    private static PagedKvCache of(
            KvLayout layout,
            int ordinal,
            int blocks,
            int blockSize,
            LongFunction<PagedLayer> layerAt,
            long... addresses) {
        List<PagedLayer> layers = Arrays.stream(addresses).mapToObj(layerAt).toList();
        return new PagedKvCache(layout, ordinal, blocks, blockSize, layers);
    }

    private static PagedLayer layer(
            KvLayout layout, int blockSize, HeadOrder order, long address, long planeStride, long blockStride) {
        long headBytes = headBytes(layout);
        return switch (order) {
            case NHD -> new PagedLayer(address, planeStride, blockStride, headBytes * layout.kvHeads(), headBytes);
            case HND -> new PagedLayer(address, planeStride, blockStride, headBytes, headBytes * blockSize);
        };
    }

    private static void requireFormat(KvLayout layout, MemoryFormat format) {
        if (layout.format() != format) {
            throw invalid("the layout is " + layout.format() + ", this shape holds " + format);
        }
    }

    private static long blockBytes(KvLayout layout, int blockSize) {
        return Math.multiplyExact(headBytes(layout) * layout.kvHeads(), (long) blockSize);
    }

    private static long headBytes(KvLayout layout) {
        return (long) layout.headSize() * layout.dtype().bytes();
    }

    private static LmcacheException invalid(String reason) {
        return new LmcacheException(ErrorCode.INVALID_ARGUMENT, "Paged KV cache: " + reason);
    }

    /** Refuses what is on another device than the cache. */
    void requireDevice(String what, int itsOrdinal) {
        if (itsOrdinal != ordinal) {
            throw invalid("it is on device " + ordinal + ", but " + what + " is on device " + itsOrdinal);
        }
    }

    /** The slots of the cache. */
    long slots() {
        return (long) blocks * blockSize;
    }

    /** The bytes of one head of one token in one plane of one layer. */
    long headBytes() {
        return headBytes(layout);
    }

    /** Whether the heads of a token stand together in every layer, so that a token is one run of bytes. */
    boolean hasContiguousTokens() {
        return layout.kvHeads() == 1 || layers.stream().allMatch(layer -> layer.headStride() == headBytes());
    }

    /** All addresses and strides in use, as one number whose lowest bit is the lowest of theirs. */
    long alignmentBits() {
        long bits = 0;
        for (PagedLayer layer : layers) {
            bits |= layer.address() | layer.strides(layout, blocks, blockSize);
        }
        return bits;
    }
}
