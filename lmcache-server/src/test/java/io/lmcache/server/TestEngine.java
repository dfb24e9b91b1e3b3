package io.lmcache.server;

import com.google.protobuf.ByteString;
import io.lmcache.server.Shape.Sizes;
import io.lmcache.server.protocol.Dtype;
import io.lmcache.server.protocol.Region;
import io.lmcache.server.protocol.RegisterKvCacheRequest;
import io.lmcache.server.protocol.RetrieveRequest;
import io.lmcache.server.protocol.SharedMemory;
import io.lmcache.server.protocol.StoreRequest;
import io.lmcache.server.protocol.StoreResponse;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.UUID;

/**
 * An engine with a paged cache in shared memory, all layers in one region with gaps between them. Its KV is a pattern of
 * prompt, plane, layer, token and element, so that it knows what every element has to be. For one thread.
 */
final class TestEngine implements AutoCloseable {
    private static final int GAP = 256;

    private final TestClient client;
    private final Shape shape;
    private final Sizes sizes;
    private final String engineId;
    private final Path file;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;
    private long cacheId;

    TestEngine(TestClient client, Shape shape, Sizes sizes, String engineId) throws IOException {
        this(client, shape, sizes, engineId, "lmcache-test-" + UUID.randomUUID());
    }

    TestEngine(TestClient client, Shape shape, Sizes sizes, String engineId, String memoryName) throws IOException {
        this.client = client;
        this.shape = shape;
        this.sizes = sizes;
        this.engineId = engineId;
        this.file = Path.of("/dev/shm", memoryName);
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            memory = channel.map(MapMode.READ_WRITE, 0, bytes(), arena);
        }
    }

    private long bytes() {
        return GAP + sizes.layers() * (shape.layerBytes(sizes) + GAP);
    }

    private long offset(int layer) {
        return GAP + layer * (shape.layerBytes(sizes) + GAP);
    }

    Path file() {
        return file;
    }

    MemorySegment memory() {
        return memory;
    }

    long cacheId() {
        return cacheId;
    }

    /** A registration that is right, to be sent, or to be made wrong. */
    RegisterKvCacheRequest.Builder registration(int rank, int worldSize) {
        RegisterKvCacheRequest.Builder request = RegisterKvCacheRequest.newBuilder()
                .setSessionId(client.sessionId())
                .setEngineId(engineId)
                .setModel("model " + shape)
                .setWorldSize(worldSize)
                .setRank(rank)
                .setDtype(Dtype.BFLOAT16)
                .setKvHeads(shape.heads(sizes))
                .setHeadSize(sizes.headSize())
                .setLatent(shape.isLatent())
                .setBlocks(sizes.blocks())
                .setBlockSize(sizes.blockSize())
                .addRegions(Region.newBuilder()
                        .setSharedMemory(SharedMemory.newBuilder()
                                .setName(file.getFileName().toString())
                                .setSize(memory.byteSize())));
        for (int layer = 0; layer < sizes.layers(); layer++) {
            request.addLayers(shape.layer(sizes, offset(layer)));
        }
        return request;
    }

    TestEngine register(int rank, int worldSize) {
        return register(registration(rank, worldSize).build());
    }

    TestEngine register(RegisterKvCacheRequest request) {
        cacheId = client.calls().registerKvCache(request).getKvCacheId();
        return this;
    }

    StoreRequest.Builder storing(int[] tokens, int[] blocks) {
        return StoreRequest.newBuilder()
                .setSessionId(client.sessionId())
                .setKvCacheId(cacheId)
                .setTokens(Packed.bytes(tokens))
                .setBlockIds(Packed.bytes(blocks));
    }

    StoreResponse store(int[] tokens, int[] blocks) {
        return client.calls().store(storing(tokens, blocks).build());
    }

    RetrieveRequest.Builder retrieving(int[] tokens, int[] blocks) {
        return RetrieveRequest.newBuilder()
                .setSessionId(client.sessionId())
                .setKvCacheId(cacheId)
                .setTokens(Packed.bytes(tokens))
                .setBlockIds(Packed.bytes(blocks));
    }

    /** Overwrites all of the region. */
    void wipe(byte value) {
        memory.fill(value);
    }

    /** What the model would compute: writes the KV of the prompt into the blocks. */
    void compute(long prompt, int tokens, int[] blocks) {
        visit(
                tokens,
                blocks,
                (at, plane, layer, token, element) ->
                        memory.set(ValueLayout.JAVA_SHORT, at, pattern(prompt, plane, layer, token, element)));
    }

    /** Compares the KV of tokens {@code first} to {@code end} with what was computed, and all other bytes with the wipe. */
    void requireOnly(long prompt, int first, int end, int[] blocks, byte wiped) {
        byte[] expected = new byte[Math.toIntExact(memory.byteSize())];
        Arrays.fill(expected, wiped);
        MemorySegment all = MemorySegment.ofArray(expected);
        visit(end, blocks, (at, plane, layer, token, element) -> {
            if (token >= first) {
                all.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, pattern(prompt, plane, layer, token, element));
            }
        });
        long different = MemorySegment.mismatch(memory, 0, memory.byteSize(), all, 0, expected.length);
        if (different >= 0) {
            throw new AssertionError(shape + ": byte " + different + " of " + expected.length + " is "
                    + memory.get(ValueLayout.JAVA_BYTE, different) + ", not " + expected[(int) different]
                    + ", after tokens " + first + " to " + end + " were retrieved");
        }
    }

    private static short pattern(long prompt, int plane, int layer, int token, int element) {
        long mixed = (((prompt * 31 + plane) * 31 + layer) * 65_537 + token) * 8_191 + element;
        return (short) ((mixed * 0x9E3779B97F4A7C15L) >>> 48);
    }

    private interface ElementVisitor {
        void visit(long at, int plane, int layer, int token, int element);
    }

    private void visit(int tokens, int[] blocks, ElementVisitor visitor) {
        for (int layer = 0; layer < sizes.layers(); layer++) {
            for (int plane = 0; plane < shape.planes(); plane++) {
                for (int token = 0; token < tokens; token++) {
                    int block = blocks[token / sizes.blockSize()];
                    int slot = token % sizes.blockSize();
                    for (int head = 0; head < shape.heads(sizes); head++) {
                        long element = index(plane, block, slot, head);
                        for (int i = 0; i < sizes.headSize(); i++) {
                            int inToken = head * sizes.headSize() + i;
                            visitor.visit(offset(layer) + 2 * (element + i), plane, layer, token, inToken);
                        }
                    }
                }
            }
        }
    }

    /** The index of a head's first element in a layer's tensor, written out per shape, without the strides under test. */
    private long index(long plane, long block, int slot, int head) {
        int heads = shape.heads(sizes);
        int blockSize = sizes.blockSize();
        long at = switch (shape) {
            case KEYS_FIRST_NHD -> ((plane * sizes.blocks() + block) * blockSize + slot) * heads + head;
            case KEYS_FIRST_HND -> ((plane * sizes.blocks() + block) * heads + head) * blockSize + slot;
            case BLOCKS_FIRST_NHD -> ((block * 2 + plane) * blockSize + slot) * heads + head;
            case BLOCKS_FIRST_HND -> ((block * 2 + plane) * heads + head) * blockSize + slot;
            case LATENT -> block * blockSize + slot;
        };
        return at * sizes.headSize();
    }

    ByteString sessionId() {
        return client.sessionId();
    }

    @Override
    public void close() throws IOException {
        arena.close();
        Files.deleteIfExists(file);
    }
}
