package io.lmcache.cuda.paged;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.cuda.paged.CacheShape.Dimensions;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A request in a paged cache in host memory, against copies made element by element. */
class HostPagedKvTest {
    // A block size that does not divide the ranges below.
    private static final Dimensions SIZES = new Dimensions(KvDtype.BFLOAT16, 3, 9, 12, 2, 4);
    private static final int[] BLOCKS = {7, 2, 5, 0, 8};
    private static final int TOKENS = BLOCKS.length * SIZES.blockSize();

    private final long seed = System.nanoTime();
    private final Random random = new Random(seed);
    private final Arena arena = Arena.ofAuto();

    private List<MemorySegment> layers(CacheShape shape) {
        List<MemorySegment> layers = new ArrayList<>();
        for (int layer = 0; layer < SIZES.layers(); layer++) {
            byte[] bytes = new byte[SIZES.layerBytes(shape)];
            random.nextBytes(bytes);
            MemorySegment segment = arena.allocate(bytes.length, 2);
            segment.copyFrom(MemorySegment.ofArray(bytes));
            layers.add(segment);
        }
        return layers;
    }

    private static PagedKvCache describe(CacheShape shape, List<MemorySegment> layers) {
        long[] addresses = layers.stream().mapToLong(MemorySegment::address).toArray();
        return shape.describe(SIZES, PagedKvCache.HOST, addresses);
    }

    private static HostPagedKv request(
            CacheShape shape, List<MemorySegment> layers, TokenSlots slots, int from, int to) {
        return new HostPagedKv(describe(shape, layers), layers, slots, new TokenRange(from, to));
    }

    private HostBuffer chunk(CacheShape shape, int tokens) {
        byte[] bytes = new byte[Math.toIntExact(SIZES.layout(shape).chunkBytes(tokens))];
        random.nextBytes(bytes);
        MemorySegment segment = arena.allocate(bytes.length, 2);
        segment.copyFrom(MemorySegment.ofArray(bytes));
        return new HostBuffer(segment);
    }

    private interface Element {
        void visit(int layer, long paged, int token, long dense);
    }

    /** Every element of the range, by its index in the layer's tensor and in the chunk. */
    private static void visit(CacheShape shape, TokenRange range, Element element) {
        KvLayout layout = SIZES.layout(shape);
        for (int plane = 0; plane < layout.format().planes(); plane++) {
            for (int layer = 0; layer < SIZES.layers(); layer++) {
                for (int token = range.start(); token < range.end(); token++) {
                    long row = ((long) plane * SIZES.layers() + layer) * range.length() + token - range.start();
                    for (int i = 0; i < layout.hiddenSize(); i++) {
                        int block = BLOCKS[token / SIZES.blockSize()];
                        int slot = token % SIZES.blockSize();
                        long paged = shape.element(SIZES, plane, block, slot, i / SIZES.headSize());
                        element.visit(layer, paged + i % SIZES.headSize(), token, row * layout.hiddenSize() + i);
                    }
                }
            }
        }
    }

    private static short at(MemorySegment segment, long index) {
        return segment.getAtIndex(ValueLayout.JAVA_SHORT, index);
    }

    @ParameterizedTest
    @EnumSource
    void gathersEveryElement(CacheShape shape) {
        List<MemorySegment> layers = layers(shape);
        for (TokenRange range : List.of(new TokenRange(0, TOKENS), new TokenRange(5, 31), new TokenRange(59, 60))) {
            HostBuffer chunk = chunk(shape, range.length());
            request(shape, layers, BlockTable.of(BLOCKS), 0, TOKENS).fill(range, chunk);
            visit(
                    shape,
                    range,
                    (layer, paged, token, dense) -> assertThat(at(chunk.segment(), dense))
                            .as("seed %d, layer %d, token %d", seed, layer, token)
                            .isEqualTo(at(layers.get(layer), paged)));
        }
    }

    @ParameterizedTest
    @EnumSource
    void scattersWhatIsWantedAndNothingElse(CacheShape shape) {
        List<MemorySegment> layers = layers(shape);
        List<MemorySegment> expected = layers.stream()
                .map(layer -> MemorySegment.ofArray(layer.toArray(ValueLayout.JAVA_SHORT)))
                .toList();
        TokenRange range = new TokenRange(5, 50);
        HostBuffer chunk = chunk(shape, range.length());
        visit(shape, range, (layer, paged, token, dense) -> {
            if (token >= 13 && token < 38) {
                expected.get(layer).setAtIndex(ValueLayout.JAVA_SHORT, paged, at(chunk.segment(), dense));
            }
        });
        request(shape, layers, slotMapping(), 13, 38).accept(range, chunk);
        for (int layer = 0; layer < layers.size(); layer++) {
            assertThat(layers.get(layer).mismatch(expected.get(layer)))
                    .as("seed %d, first different byte of layer %d", seed, layer)
                    .isEqualTo(-1);
        }
    }

    /** The same places as the block table has. */
    private static SlotMapping slotMapping() {
        return SlotMapping.of(IntStream.range(0, TOKENS)
                .mapToLong(token ->
                        (long) BLOCKS[token / SIZES.blockSize()] * SIZES.blockSize() + token % SIZES.blockSize())
                .toArray());
    }

    @Test
    void whatDoesNotFitIsRefused() {
        CacheShape shape = CacheShape.KEYS_FIRST_NHD;
        List<MemorySegment> layers = layers(shape);
        assertThatThrownBy(() -> request(shape, layers, BlockTable.of(9), 0, 1))
                .isInstanceOf(LmcacheException.class)
                .hasMessageContaining("entry 9");
        HostPagedKv kv = request(shape, layers, BlockTable.of(BLOCKS), 0, TOKENS);
        assertThatThrownBy(() -> kv.fill(new TokenRange(0, 4), chunk(shape, 5))).hasMessageContaining("the buffer has");
        assertThatThrownBy(() -> kv.fill(new TokenRange(58, 62), chunk(shape, 4)))
                .hasMessageContaining("outside the request");
        long bytes = SIZES.layout(shape).chunkBytes(4);
        assertThatThrownBy(() -> kv.accept(new TokenRange(0, 4), new DeviceBuffer(4096, bytes, 0)))
                .hasMessageContaining("device memory");
        PagedKvCache onDevice = shape.describe(
                SIZES, 0, layers.stream().mapToLong(MemorySegment::address).toArray());
        assertThatThrownBy(() -> new HostPagedKv(onDevice, layers, BlockTable.of(BLOCKS), new TokenRange(0, 1)))
                .hasMessageContaining("on device 0");
    }
}
