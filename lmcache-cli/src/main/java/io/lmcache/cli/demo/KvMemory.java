package io.lmcache.cli.demo;

import io.lmcache.api.KvLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The model's own KV cache: keys and values of one sequence, off heap as {@code [2, layers, capacity, hidden]}.
 *
 * <p>Threads may write different positions at the same time. Owns its memory until {@link #close()}.
 */
final class KvMemory implements AutoCloseable {
    static final int KEYS = 0;
    static final int VALUES = 1;

    private final KvLayout layout;
    private final int capacity;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;

    KvMemory(KvLayout layout, int capacity) {
        this.layout = layout;
        this.capacity = capacity;
        this.segment = arena.allocate(layout.chunkBytes(capacity), Float.BYTES);
    }

    /** The bytes, for the cache to fill and to read. */
    MemorySegment segment() {
        return segment;
    }

    /** The most tokens there is room for. */
    int capacity() {
        return capacity;
    }

    /** Writes the rows of consecutive tokens. */
    void write(int plane, int layer, int firstPosition, float[][] rows) {
        for (int i = 0; i < rows.length; i++) {
            long offset = offset(plane, layer, firstPosition + i);
            MemorySegment.copy(rows[i], 0, segment, ValueLayout.JAVA_FLOAT, offset, rows[i].length);
        }
    }

    /** The keys of the first positions as {@code [kvHead][element][position]}: attention's inner loop is along positions. */
    float[][][] keys(int layer, int positions) {
        float[][][] keys = new float[layout.kvHeads()][layout.headSize()][positions];
        float[] row = new float[layout.headSize()];
        for (int head = 0; head < layout.kvHeads(); head++) {
            for (int position = 0; position < positions; position++) {
                readHead(KEYS, layer, position, head, row);
                for (int i = 0; i < row.length; i++) {
                    keys[head][i][position] = row[i];
                }
            }
        }
        return keys;
    }

    /** The values of the first positions as {@code [kvHead][position][element]}. */
    float[][][] values(int layer, int positions) {
        float[][][] values = new float[layout.kvHeads()][positions][layout.headSize()];
        for (int head = 0; head < layout.kvHeads(); head++) {
            for (int position = 0; position < positions; position++) {
                readHead(VALUES, layer, position, head, values[head][position]);
            }
        }
        return values;
    }

    private void readHead(int plane, int layer, int position, int head, float[] to) {
        long offset = offset(plane, layer, position) + (long) head * layout.headSize() * Float.BYTES;
        MemorySegment.copy(segment, ValueLayout.JAVA_FLOAT, offset, to, 0, to.length);
    }

    private long offset(int plane, int layer, int position) {
        long row = ((long) plane * layout.layers() + layer) * capacity + position;
        return row * layout.hiddenSize() * Float.BYTES;
    }

    @Override
    public void close() {
        arena.close();
    }
}
