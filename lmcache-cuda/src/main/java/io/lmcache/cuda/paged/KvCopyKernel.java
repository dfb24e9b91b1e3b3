package io.lmcache.cuda.paged;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.cuda.kernel.Grid;
import io.lmcache.cuda.kernel.KernelStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** The kernels of {@code kv-copy.cu} for one request. The structs that they read are written here and nowhere else. */
final class KvCopyKernel {
    /** The bytes of the struct {@code Layer}. */
    static final long LAYER_BYTES = 5 * Long.BYTES;

    private static final int MAX_CHUNKS = 64;
    private static final int MAX_TILE_TOKENS = 256;
    private static final long TILE_BYTES = 32 << 10;
    private static final long WIDEST_WORD = 16;

    // The struct KvCopy: three pointers, five ints, padding, then the chunks.
    private static final long BLOCK_TABLE = 8;
    private static final long SLOT_MAPPING = 16;
    private static final long LAYER_COUNT = 24;
    private static final long BLOCK_SIZE = 28;
    private static final long HEADS = 32;
    private static final long RUN_WORDS = 36;
    private static final long TILE_TOKENS = 40;
    private static final long CHUNKS = 48;
    private static final long CHUNK_BYTES = 16;

    private final PagedKvCache cache;
    private final KernelStream stream;
    private final int heads;
    private final long runBytes;
    private final int tileTokens;
    private final long alignmentBits;
    private final MemorySegment parameter;

    /**
     * Copies between the cache and chunks.
     *
     * @param cache the cache
     * @param stream where the work is queued
     * @param layers the layers, as {@link #writeLayers} wrote them, in device memory
     * @param slots the places of the request's tokens, in device memory
     */
    KvCopyKernel(PagedKvCache cache, KernelStream stream, DeviceBuffer layers, TokenSlots slots) {
        this.cache = cache;
        this.stream = stream;
        this.heads = cache.hasContiguousTokens() ? 1 : cache.layout().kvHeads();
        long rowBytes = cache.headBytes() * cache.layout().kvHeads();
        this.runBytes = rowBytes / heads;
        this.tileTokens = Math.clamp(TILE_BYTES / rowBytes, 1, MAX_TILE_TOKENS);
        this.alignmentBits = cache.alignmentBits() | runBytes | WIDEST_WORD;
        this.parameter = Arena.ofAuto().allocate(CHUNKS + MAX_CHUNKS * CHUNK_BYTES, Long.BYTES);
        parameter.set(ValueLayout.JAVA_LONG, 0, layers.address());
        switch (slots) {
            case BlockTable(KvBuffer entries) -> parameter.set(ValueLayout.JAVA_LONG, BLOCK_TABLE, address(entries));
            case SlotMapping(KvBuffer entries) -> parameter.set(ValueLayout.JAVA_LONG, SLOT_MAPPING, address(entries));
        }
        parameter.set(ValueLayout.JAVA_INT, LAYER_COUNT, cache.layout().layers());
        parameter.set(ValueLayout.JAVA_INT, BLOCK_SIZE, cache.blockSize());
        parameter.set(ValueLayout.JAVA_INT, HEADS, heads);
        parameter.set(ValueLayout.JAVA_INT, TILE_TOKENS, tileTokens);
    }

    private static long address(KvBuffer entries) {
        return ((DeviceBuffer) entries).address();
    }

    /** Writes the structs {@code Layer}. */
    static void writeLayers(List<PagedLayer> layers, MemorySegment target) {
        long field = 0;
        for (PagedLayer layer : layers) {
            target.setAtIndex(ValueLayout.JAVA_LONG, field++, layer.address());
            target.setAtIndex(ValueLayout.JAVA_LONG, field++, layer.planeStride());
            target.setAtIndex(ValueLayout.JAVA_LONG, field++, layer.blockStride());
            target.setAtIndex(ValueLayout.JAVA_LONG, field++, layer.slotStride());
            target.setAtIndex(ValueLayout.JAVA_LONG, field++, layer.headStride());
        }
    }

    /** Queues copies from the cache into the chunks. */
    void gather(List<ChunkBuffer> chunks) throws IOException {
        launch("kv_gather_", chunks);
    }

    /** Queues copies from the chunks into the cache. */
    void scatter(List<ChunkBuffer> chunks) throws IOException {
        launch("kv_scatter_", chunks);
    }

    private void launch(String direction, List<ChunkBuffer> chunks) throws IOException {
        for (int first = 0; first < chunks.size(); first += MAX_CHUNKS) {
            launchBatch(direction, chunks.subList(first, Math.min(chunks.size(), first + MAX_CHUNKS)));
        }
    }

    private void launchBatch(String direction, List<ChunkBuffer> batch) throws IOException {
        long bits = alignmentBits;
        int longest = 0;
        for (int i = 0; i < batch.size(); i++) {
            ChunkBuffer chunk = batch.get(i);
            writeChunk(i, chunk);
            bits |= chunk.buffer().address();
            longest = Math.max(longest, chunk.range().length());
        }
        long wordBytes = Long.lowestOneBit(bits);
        parameter.set(ValueLayout.JAVA_INT, RUN_WORDS, Math.toIntExact(runBytes / wordBytes));
        int planesAndLayers = cache.layout().format().planes() * cache.layout().layers();
        Grid grid = new Grid(Math.ceilDiv(longest, tileTokens), planesAndLayers, batch.size());
        stream.launch(direction + wordBytes, grid, parameter);
    }

    private void writeChunk(int index, ChunkBuffer chunk) {
        long at = CHUNKS + index * CHUNK_BYTES;
        parameter.set(ValueLayout.JAVA_LONG, at, chunk.buffer().address());
        parameter.set(ValueLayout.JAVA_INT, at + 8, chunk.range().start());
        parameter.set(ValueLayout.JAVA_INT, at + 12, chunk.range().length());
    }
}
