package io.lmcache.cli.bench;

import io.lmcache.api.KvLayout;
import java.lang.foreign.MemorySegment;

/**
 * The copies between a tensor and its chunks and nothing else: what {@link io.lmcache.core.engine.HostKvTensor} does,
 * row by row, with no cache around it. Used by one thread.
 */
final class BareCopy {
    private final MemorySegment tensor;
    private final MemorySegment chunks;
    private final int rows;
    private final long rowBytesOfChunk;
    private final long rowBytesOfTensor;

    /**
     * Copies between these.
     *
     * @param tensor {@code [planes, layers, tokens, hidden]}
     * @param chunks as many bytes, chunk after chunk
     */
    BareCopy(KvLayout layout, int chunkTokens, MemorySegment tensor, MemorySegment chunks) {
        this.tensor = tensor;
        this.chunks = chunks;
        this.rows = layout.format().planes() * layout.layers();
        this.rowBytesOfChunk = layout.chunkBytes(chunkTokens) / rows;
        this.rowBytesOfTensor = tensor.byteSize() / rows;
    }

    long chunksToTensor() {
        for (long from = 0; from < chunks.byteSize(); from += rowBytesOfChunk) {
            MemorySegment.copy(chunks, from, tensor, inTensor(from), rowBytesOfChunk);
        }
        return chunks.byteSize();
    }

    long tensorToChunks() {
        for (long to = 0; to < chunks.byteSize(); to += rowBytesOfChunk) {
            MemorySegment.copy(tensor, inTensor(to), chunks, to, rowBytesOfChunk);
        }
        return chunks.byteSize();
    }

    /** Where the row that begins there among the chunks has its place. */
    private long inTensor(long offset) {
        long rowOfAll = offset / rowBytesOfChunk;
        return rowOfAll % rows * rowBytesOfTensor + rowOfAll / rows * rowBytesOfChunk;
    }
}
