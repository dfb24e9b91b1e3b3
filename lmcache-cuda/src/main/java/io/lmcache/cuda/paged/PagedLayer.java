package io.lmcache.cuda.paged;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Where a layer of a paged KV cache lies in memory. The first element of plane {@code p}, block {@code b}, slot
 * {@code s} and head {@code h} stands at {@code address + p * planeStride + b * blockStride + s * slotStride + h *
 * headStride}; the elements of a head are contiguous. A stride is not looked at where its dimension has the size 1.
 *
 * @param address the pointer of the first element, in the memory of the device or of the host
 * @param planeStride bytes from the keys to the values
 * @param blockStride bytes from a block to the next
 * @param slotStride bytes from a token's slot to the next in its block
 * @param headStride bytes from a head to the next
 */
public record PagedLayer(long address, long planeStride, long blockStride, long slotStride, long headStride) {
    private record Dimension(String name, int size, long stride) {}

    /** Checks that no two elements share a place and that the last one has an address. */
    void check(KvLayout layout, int blocks, int blockSize) {
        int elementBytes = layout.dtype().bytes();
        long span = span(layout, blocks, blockSize);
        if (address <= 0 || address > Long.MAX_VALUE - span) {
            throw invalid("its " + span + " bytes do not fit behind that address");
        }
        if ((address | strides(layout, blocks, blockSize)) % elementBytes != 0) {
            throw invalid("address and strides must be multiples of the element size, " + elementBytes);
        }
    }

    /**
     * The bytes from the address to the end of the last element.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when two elements would share a place
     */
    public long span(KvLayout layout, int blocks, int blockSize) {
        long span = (long) layout.headSize() * layout.dtype().bytes();
        for (Dimension dimension : dimensions(layout, blocks, blockSize)) {
            if (dimension.stride < span) {
                throw invalid(dimension.name + " stride is too small: " + dimension.stride
                        + " bytes, while the inner dimensions take " + span);
            }
            span = spanOf(dimension, span);
        }
        return span;
    }

    /** The dimensions that have a stride, inner ones first. */
    private List<Dimension> dimensions(KvLayout layout, int blocks, int blockSize) {
        return Stream.of(
                        new Dimension("plane", layout.format().planes(), planeStride),
                        new Dimension("block", blocks, blockStride),
                        new Dimension("slot", blockSize, slotStride),
                        new Dimension("head", layout.kvHeads(), headStride))
                .filter(dimension -> dimension.size > 1)
                .sorted(Comparator.comparingLong(Dimension::stride))
                .toList();
    }

    private long spanOf(Dimension dimension, long inner) {
        try {
            return Math.addExact(Math.multiplyExact(dimension.stride, dimension.size - 1L), inner);
        } catch (ArithmeticException e) {
            throw invalid(dimension.name + " stride is too large");
        }
    }

    /** The strides in use, as one number whose lowest bit is the lowest of theirs. */
    long strides(KvLayout layout, int blocks, int blockSize) {
        long strides = 0;
        for (Dimension dimension : dimensions(layout, blocks, blockSize)) {
            strides |= dimension.stride;
        }
        return strides;
    }

    private LmcacheException invalid(String reason) {
        return new LmcacheException(
                ErrorCode.INVALID_ARGUMENT,
                "Paged KV cache: " + this + ": " + reason
                        + "; pass the tensor's data pointer and its strides in bytes");
    }
}
