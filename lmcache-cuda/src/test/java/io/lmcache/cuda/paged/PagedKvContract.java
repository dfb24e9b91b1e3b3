package io.lmcache.cuda.paged;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.cuda.kernel.TestDevice;
import io.lmcache.cuda.kernel.TestDevice.HostMemory;
import io.lmcache.cuda.paged.CacheShape.Dimensions;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What a request in a paged cache promises, on whichever device, against copies made element by element on the host. */
abstract class PagedKvContract {
    private static final Dimensions SMALL = new Dimensions(KvDtype.BFLOAT16, 3, 12, 16, 2, 32);
    private static final int GUARD = 64;

    private final long seed = System.nanoTime();
    private final Random random = new Random(seed);
    private TestDevice device;
    private SlabAllocator deviceMemory;

    abstract TestDevice open() throws IOException, InterruptedException;

    @BeforeEach
    void openDevice() throws IOException, InterruptedException {
        device = open();
        deviceMemory = new SlabAllocator("device", device.allocate(8 << 20), _ -> {});
    }

    @AfterEach
    void closeDevice() throws IOException {
        if (device != null) {
            deviceMemory.close();
            device.close();
        }
    }

    /** Sizes that make words of 16, 8, 4, 2 and 1 bytes, blocks that divide a chunk and that do not, runs of any length. */
    static List<Dimensions> dimensions() {
        return List.of(
                SMALL,
                new Dimensions(KvDtype.FP8_E4M3FN, 2, 9, 7, 3, 5),
                new Dimensions(KvDtype.HALF, 2, 4, 128, 2, 36),
                new Dimensions(KvDtype.BFLOAT16, 1, 5, 16, 3, 7),
                new Dimensions(KvDtype.FLOAT, 2, 40, 1, 2, 9),
                new Dimensions(KvDtype.DOUBLE, 2, 9, 7, 4, 3),
                new Dimensions(KvDtype.UINT8, 1, 3, 16, 8, 576));
    }

    static List<Object[]> cases() {
        List<Object[]> cases = new ArrayList<>();
        for (CacheShape shape : CacheShape.values()) {
            dimensions().forEach(dimensions -> cases.add(new Object[] {shape, dimensions}));
        }
        return cases;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void gatherBringsEveryElementToItsPlaceInTheChunk(CacheShape shape, Dimensions dimensions) throws IOException {
        Cache cache = new Cache(shape, dimensions);
        Request request = cache.request();
        try (PagedKv paged = request.open(request.blockTable(), 0)) {
            for (TokenRange range : request.ranges()) {
                Guarded chunk = new Guarded(bytes(cache.chunkBytes(range)));
                paged.fill(range, chunk.buffer());
                assertThat(chunk.read()).as("%s, seed %d", range, seed).isEqualTo(request.chunk(range));
                chunk.assertGuardsUntouched();
            }
        }
        cache.assertHolds(cache.content);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void scatterBringsEveryElementToItsSlotAndTouchesNothingElse(CacheShape shape, Dimensions dimensions)
            throws IOException {
        Cache cache = new Cache(shape, dimensions);
        Request request = cache.request();
        byte[][] expected = cache.copyOfContent();
        try (PagedKv paged = request.open(request.blockTable(), 0)) {
            for (TokenRange range : request.ranges()) {
                byte[] bytes = bytes(cache.chunkBytes(range));
                Guarded chunk = new Guarded(bytes);
                paged.accept(range, chunk.buffer());
                request.scatter(range, bytes, expected);
                assertThat(chunk.read()).as("the chunk").isEqualTo(bytes);
            }
        }
        cache.assertHolds(expected);
    }

    @ParameterizedTest
    @EnumSource
    void blockTableAndSlotMappingOnHostAndDeviceMeanTheSame(CacheShape shape) throws IOException {
        Cache cache = new Cache(shape, new Dimensions(KvDtype.HALF, 2, 9, 7, 2, 8));
        Request request = cache.request();
        TokenRange range = new TokenRange(3, 40);
        List<TokenSlots> forms = List.of(
                request.blockTable(),
                request.slotMapping(),
                onDevice(request.blockTable()),
                onDevice(request.slotMapping()));
        for (TokenSlots form : forms) {
            try (PagedKv paged = request.open(form, 0)) {
                DeviceBuffer chunk = device.allocate(cache.chunkBytes(range));
                paged.fill(range, chunk);
                assertThat(device.read(chunk)).as("%s, seed %d", form, seed).isEqualTo(request.chunk(range));
            }
        }
    }

    /** Layers within blocks, planes innermost, and 8 bytes between two heads that belong to nobody. */
    @Test
    void aViewWithStridesOfItsOwnIsCopied() throws IOException {
        int blocks = 3;
        long headStride = 24;
        long slotStride = 2 * 2 * headStride;
        long layerBytes = 4 * slotStride;
        byte[] memory = bytes(Math.toIntExact(2 * layerBytes * blocks));
        long base = device.upload(memory).address();
        List<PagedLayer> layers = IntStream.range(0, 2)
                .mapToObj(layer -> new PagedLayer(
                        base + layer * layerBytes, headStride, 2 * layerBytes, slotStride, 2 * headStride))
                .toList();
        KvLayout layout = KvLayout.kv(KvDtype.HALF, 2, 2, 8);
        PagedKvCache cache = new PagedKvCache(layout, device.stream().ordinal(), blocks, 4, layers);
        DeviceBuffer chunk = device.allocate(layout.chunkBytes(12));
        try (PagedKv paged = PagedKv.tryOpen(cache, BlockTable.of(2, 0, 1), device.stream(), deviceMemory, 0)
                .orElseThrow()) {
            paged.fill(new TokenRange(0, 12), chunk);
        }
        ByteBuffer expected = ByteBuffer.allocate(Math.toIntExact(chunk.byteSize()));
        int[] table = {2, 0, 1};
        for (int plane = 0; plane < 2; plane++) {
            for (int layer = 0; layer < 2; layer++) {
                for (int token = 0; token < 12; token++) {
                    for (int head = 0; head < 2; head++) {
                        int slot = (table[token / 4] * 2 + layer) * 4 + token % 4;
                        expected.put(memory, ((slot * 2 + head) * 2 + plane) * 24, 16);
                    }
                }
            }
        }
        assertThat(device.read(chunk)).as("seed %d", seed).isEqualTo(expected.array());
    }

    @Test
    void slotsOfATokenNeedNotFollowItsNeighboursSlots() throws IOException {
        Cache cache = new Cache(CacheShape.BLOCKS_FIRST_HND, SMALL);
        Request request = cache.requestOfScatteredSlots();
        TokenRange range = new TokenRange(0, 100);
        try (PagedKv paged = request.open(request.slotMapping(), 0)) {
            DeviceBuffer chunk = device.allocate(cache.chunkBytes(range));
            paged.fill(range, chunk);
            assertThat(device.read(chunk)).as("seed %d", seed).isEqualTo(request.chunk(range));
        }
    }

    @ParameterizedTest
    @EnumSource
    void aChunkAtAnyAddressIsCopiedInNarrowerWords(CacheShape shape) throws IOException {
        Cache cache = new Cache(shape, SMALL);
        Request request = cache.request();
        TokenRange range = new TokenRange(5, 21);
        try (PagedKv paged = request.open(request.blockTable(), 0)) {
            for (int offset : new int[] {8, 4, 2, 1}) {
                DeviceBuffer chunk = device.allocate(cache.chunkBytes(range) + offset);
                DeviceBuffer unaligned = chunk.slice(offset, cache.chunkBytes(range));
                paged.fill(range, unaligned);
                assertThat(device.read(unaligned))
                        .as("offset %d, seed %d", offset, seed)
                        .isEqualTo(request.chunk(range));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void chunksInHostMemoryGoThroughStaging(CacheShape shape) throws IOException {
        Cache cache = new Cache(shape, SMALL);
        Request request = cache.request();
        byte[][] expected = cache.copyOfContent();
        TokenRange whole = new TokenRange(0, 128);
        TokenRange part = new TokenRange(128, 150);
        try (PagedKv paged = request.open(request.blockTable(), cache.chunkBytes(whole))) {
            for (TokenRange range : List.of(whole, part)) {
                try (HostMemory memory = device.hostMemory(cache.chunkBytes(range))) {
                    paged.fill(range, new HostBuffer(memory.segment()));
                    assertThat(memory.segment().toArray(ValueLayout.JAVA_BYTE))
                            .as("%s, seed %d", range, seed)
                            .isEqualTo(request.chunk(range));

                    byte[] bytes = bytes(cache.chunkBytes(range));
                    memory.segment().copyFrom(MemorySegment.ofArray(bytes));
                    paged.accept(range, new HostBuffer(memory.segment()));
                    request.scatter(range, bytes, expected);
                    // The chunk is the cache's own again, and may change.
                    memory.segment().fill((byte) 0);
                }
            }
        }
        cache.assertHolds(expected);
    }

    @ParameterizedTest
    @EnumSource
    void severalChunksAreFilledAtATimeAndEachIsThereWhenItWasWaitedFor(CacheShape shape) throws IOException {
        Cache cache = new Cache(shape, SMALL);
        Request request = cache.request();
        List<Filled> begun = new ArrayList<>();
        try (PagedKv paged = request.open(request.blockTable(), cache.chunkBytes(new TokenRange(0, 32)))) {
            // More than there are staging buffers, of which the last is shorter, twice: events are used again.
            for (int round = 0; round < 2; round++) {
                for (int token = 0; token < 170; token += 32) {
                    begun.add(new Filled(request, paged, new TokenRange(token, Math.min(token + 32, 170))));
                }
                for (Filled chunk : begun) {
                    chunk.awaitAndCheck();
                }
                begun.clear();
            }
        } finally {
            for (Filled chunk : begun) {
                chunk.memory.close();
            }
        }
    }

    /** A chunk in host memory and one in device memory, whose filling has begun. */
    private final class Filled {
        private final Request request;
        private final TokenRange range;
        private final HostMemory memory;
        private final DeviceBuffer onDevice;
        private final KvSource.Filling host;
        private final KvSource.Filling device;

        private Filled(Request request, PagedKv paged, TokenRange range) throws IOException {
            this.request = request;
            this.range = range;
            this.memory = PagedKvContract.this.device.hostMemory(request.cache.chunkBytes(range));
            this.onDevice = PagedKvContract.this.device.allocate(request.cache.chunkBytes(range));
            this.host = paged.beginFill(range, new HostBuffer(memory.segment()));
            this.device = paged.beginFill(range, onDevice);
        }

        private void awaitAndCheck() throws IOException {
            try (memory) {
                host.await();
                assertThat(memory.segment().toArray(ValueLayout.JAVA_BYTE))
                        .as("%s on the host, seed %d", range, seed)
                        .isEqualTo(request.chunk(range));
            }
            device.await();
            assertThat(PagedKvContract.this.device.read(onDevice))
                    .as("%s on the device, seed %d", range, seed)
                    .isEqualTo(request.chunk(range));
        }
    }

    @Test
    void chunksFilledWhileOthersAreTakenShareTheStagingWithThem() throws IOException {
        Cache cache = new Cache(CacheShape.KEYS_FIRST_NHD, SMALL);
        Request request = cache.request();
        int bytes = cache.chunkBytes(new TokenRange(0, 32));
        try (HostMemory taken = device.hostMemory(5L * bytes);
                HostMemory filled = device.hostMemory(5L * bytes)) {
            byte[] content = bytes(5 * bytes);
            taken.segment().copyFrom(MemorySegment.ofArray(content));
            try (PagedKv paged = request.open(request.blockTable(), bytes)) {
                List<Runnable> ends = new ArrayList<>();
                for (int i = 0; i < 5; i++) {
                    TokenRange range = new TokenRange(32 * i, 32 * (i + 1));
                    long offset = (long) i * bytes;
                    KvSink.Taking taking = paged.beginAccept(
                            range, new HostBuffer(taken.segment().asSlice(offset, bytes)));
                    KvSource.Filling filling = paged.beginFill(
                            range, new HostBuffer(filled.segment().asSlice(offset, bytes)));
                    ends.add(taking::await);
                    ends.add(filling::await);
                }
                ends.forEach(Runnable::run);
            }
            assertThat(filled.segment().toArray(ValueLayout.JAVA_BYTE))
                    .as("what was scattered just before, seed %d", seed)
                    .isEqualTo(content);
        }
    }

    @Test
    void moreChunksThanALaunchHoldsAreAllCopied() throws IOException {
        // Tokens so wide that a tile holds 7 of them.
        Cache cache = new Cache(CacheShape.KEYS_FIRST_NHD, new Dimensions(KvDtype.UINT8, 2, 10, 16, 8, 576));
        Request request = cache.request();
        List<ChunkBuffer> chunks = new ArrayList<>();
        for (int token = 0; token < 130; token++) {
            // Of different lengths, so that the shorter ones have fewer tiles than the launch.
            TokenRange range = new TokenRange(token, token + 1 + token % 16);
            chunks.add(new ChunkBuffer(range, device.allocate(cache.chunkBytes(range))));
        }
        try (PagedKv paged = request.open(request.blockTable(), 0)) {
            paged.gather(chunks);
            device.stream().synchronize();
            for (ChunkBuffer chunk : chunks) {
                assertThat(device.read(chunk.buffer()))
                        .as("%s, seed %d", chunk.range(), seed)
                        .isEqualTo(request.chunk(chunk.range()));
            }
        }
    }

    @Test
    void whatWasGatheredScattersBackToTheSame() throws IOException {
        Cache source = new Cache(CacheShape.BLOCKS_FIRST_HND, SMALL);
        Cache target = new Cache(CacheShape.KEYS_FIRST_NHD, SMALL);
        Request from = source.request();
        Request to = target.request();
        TokenRange range = new TokenRange(0, 192);
        List<ChunkBuffer> chunk = List.of(new ChunkBuffer(range, device.allocate(source.chunkBytes(range))));
        try (PagedKv gathering = from.open(from.blockTable(), 0);
                PagedKv scattering = to.open(to.blockTable(), 0)) {
            gathering.gather(chunk);
            scattering.scatter(chunk);
        }
        byte[][] expected = target.copyOfContent();
        to.scatter(range, from.chunk(range), expected);
        target.assertHolds(expected);
    }

    @Test
    void aRequestWithoutRoomForItsTablesOrItsStagingIsRefused() throws IOException {
        Cache cache = new Cache(CacheShape.KEYS_FIRST_NHD, SMALL);
        SlabAllocator onePage = new SlabAllocator("one page", device.allocate(4096), _ -> {});
        TokenSlots slots = BlockTable.of(1, 2);
        assertThat(PagedKv.tryOpen(cache.description, slots, device.stream(), onePage, 4096))
                .isEmpty();
        assertThat(onePage.usedBytes()).as("leased after the refusal").isZero();
        try (PagedKv _ = PagedKv.tryOpen(cache.description, slots, device.stream(), onePage, 0)
                .orElseThrow()) {
            assertThat(PagedKv.tryOpen(cache.description, slots, device.stream(), onePage, 0))
                    .isEmpty();
        }
        onePage.close();
    }

    @Test
    void entriesOutsideTheCacheAreRefused() throws IOException {
        Cache cache = new Cache(CacheShape.KEYS_FIRST_NHD, SMALL);
        Request request = cache.request();
        for (TokenSlots slots :
                List.of(BlockTable.of(0, 12), BlockTable.of(-1), SlotMapping.of(5, 12 * 16), SlotMapping.of(-1, 3))) {
            assertThatThrownBy(() -> request.open(slots, 0))
                    .as("%s", slots)
                    .isInstanceOf(LmcacheException.class)
                    .hasMessageContaining("has the entry");
        }
    }

    @Test
    void aRangeBeyondTheSlotsAndABufferOfAnotherSizeAreRefused() throws IOException {
        Cache cache = new Cache(CacheShape.KEYS_FIRST_NHD, SMALL);
        Request request = cache.request();
        try (PagedKv paged = request.open(BlockTable.of(4), 0)) {
            TokenRange beyond = new TokenRange(8, 17);
            DeviceBuffer chunk = device.allocate(cache.chunkBytes(beyond));
            assertThatThrownBy(() -> paged.fill(beyond, chunk)).hasMessageContaining("known for 16 tokens");
            assertThatThrownBy(() -> paged.accept(new TokenRange(8, 16), chunk))
                    .isInstanceOfSatisfying(
                            LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.LAYOUT_MISMATCH));
        }
    }

    @Test
    void aHostChunkWithoutStagingSaysHowToOpenTheRequest() throws IOException {
        Cache cache = new Cache(CacheShape.KEYS_FIRST_NHD, SMALL);
        Request request = cache.request();
        TokenRange range = new TokenRange(0, 16);
        HostBuffer chunk = new HostBuffer(Arena.ofAuto().allocate(cache.chunkBytes(range)));
        try (PagedKv paged = request.open(request.blockTable(), 0)) {
            assertThatThrownBy(() -> paged.fill(range, chunk)).hasMessageContaining("0 bytes of staging");
        }
        try (PagedKv paged = request.open(request.blockTable(), 64)) {
            assertThatThrownBy(() -> paged.accept(range, chunk)).hasMessageContaining("64 bytes of staging");
        }
    }

    @Test
    void aClosedRequestIsNotUsedAgain() throws IOException {
        Cache cache = new Cache(CacheShape.KEYS_FIRST_NHD, SMALL);
        Request request = cache.request();
        PagedKv paged = request.open(request.blockTable(), 0);
        paged.close();
        paged.close();
        TokenRange range = new TokenRange(0, 1);
        DeviceBuffer chunk = device.allocate(cache.chunkBytes(range));
        assertThatThrownBy(() -> paged.fill(range, chunk))
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CLOSED));
    }

    private TokenSlots onDevice(TokenSlots slots) throws IOException {
        byte[] entries = ((HostBuffer) slots.entries()).segment().toArray(ValueLayout.JAVA_BYTE);
        return slots.at(device.upload(entries));
    }

    private byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    /** A chunk between bytes that nobody may touch. */
    private final class Guarded {
        private final DeviceBuffer whole;
        private final byte[] before;

        private Guarded(byte[] content) throws IOException {
            before = bytes(content.length + 2 * GUARD);
            System.arraycopy(content, 0, before, GUARD, content.length);
            whole = device.upload(before);
        }

        private DeviceBuffer buffer() {
            return whole.slice(GUARD, whole.byteSize() - 2 * GUARD);
        }

        private byte[] read() throws IOException {
            return device.read(buffer());
        }

        private void assertGuardsUntouched() throws IOException {
            byte[] after = device.read(whole);
            assertThat(Arrays.copyOf(after, GUARD)).isEqualTo(Arrays.copyOf(before, GUARD));
            assertThat(Arrays.copyOfRange(after, after.length - GUARD, after.length))
                    .isEqualTo(Arrays.copyOfRange(before, before.length - GUARD, before.length));
        }
    }

    /** A paged cache with random content. */
    private final class Cache {
        private final CacheShape shape;
        private final Dimensions dimensions;
        private final KvLayout layout;
        private final byte[][] content;
        private final List<DeviceBuffer> layers = new ArrayList<>();
        private final PagedKvCache description;

        private Cache(CacheShape shape, Dimensions dimensions) throws IOException {
            this.shape = shape;
            this.dimensions = dimensions;
            this.layout = dimensions.layout(shape);
            this.content = new byte[dimensions.layers()][];
            for (int layer = 0; layer < content.length; layer++) {
                content[layer] = bytes(dimensions.layerBytes(shape));
                layers.add(device.upload(content[layer]));
            }
            long[] addresses = layers.stream().mapToLong(DeviceBuffer::address).toArray();
            this.description = shape.describe(dimensions, device.stream().ordinal(), addresses);
        }

        private int chunkBytes(TokenRange range) {
            return Math.toIntExact(layout.chunkBytes(range.length()));
        }

        private byte[][] copyOfContent() {
            return Arrays.stream(content).map(byte[]::clone).toArray(byte[][]::new);
        }

        private void assertHolds(byte[][] expected) throws IOException {
            for (int layer = 0; layer < expected.length; layer++) {
                assertThat(device.read(layers.get(layer)))
                        .as("layer %d, seed %d", layer, seed)
                        .isEqualTo(expected[layer]);
            }
        }

        /** All blocks, in random order. */
        private Request request() {
            List<Integer> blocks = shuffled(dimensions.blocks());
            long[] slots = new long[dimensions.blocks() * dimensions.blockSize()];
            Arrays.setAll(
                    slots,
                    token -> (long) blocks.get(token / dimensions.blockSize()) * dimensions.blockSize()
                            + token % dimensions.blockSize());
            return new Request(this, slots);
        }

        /** All slots, in random order. */
        private Request requestOfScatteredSlots() {
            List<Integer> slots = shuffled(dimensions.blocks() * dimensions.blockSize());
            return new Request(this, slots.stream().mapToLong(slot -> slot).toArray());
        }

        private List<Integer> shuffled(int size) {
            List<Integer> numbers =
                    new ArrayList<>(IntStream.range(0, size).boxed().toList());
            Collections.shuffle(numbers, random);
            return numbers;
        }
    }

    /** A request in a cache, with the reference of what gather and scatter do. */
    private final class Request {
        private final Cache cache;
        private final long[] slots;

        private Request(Cache cache, long[] slots) {
            this.cache = cache;
            this.slots = slots;
        }

        private BlockTable blockTable() {
            int blockSize = cache.dimensions.blockSize();
            return BlockTable.of(IntStream.range(0, slots.length / blockSize)
                    .map(block -> Math.toIntExact(slots[block * blockSize] / blockSize))
                    .toArray());
        }

        private SlotMapping slotMapping() {
            return SlotMapping.of(slots);
        }

        private PagedKv open(TokenSlots form, long stagingBytes) {
            return PagedKv.tryOpen(cache.description, form, device.stream(), deviceMemory, stagingBytes)
                    .orElseThrow();
        }

        /** The first tokens, the last ones, all, and some that begin and end within blocks. */
        private List<TokenRange> ranges() {
            int all = slots.length;
            return List.of(
                    new TokenRange(0, 1),
                    new TokenRange(all - 5, all),
                    new TokenRange(0, all),
                    new TokenRange(all / 3 + 1, all / 3 + 1 + all / 2));
        }

        private byte[] chunk(TokenRange range) {
            byte[] chunk = new byte[cache.chunkBytes(range)];
            eachHead(
                    range,
                    (layer, inLayer, inChunk, bytes) ->
                            System.arraycopy(cache.content[layer], inLayer, chunk, inChunk, bytes));
            return chunk;
        }

        private void scatter(TokenRange range, byte[] chunk, byte[][] target) {
            eachHead(
                    range,
                    (layer, inLayer, inChunk, bytes) ->
                            System.arraycopy(chunk, inChunk, target[layer], inLayer, bytes));
        }

        private void eachHead(TokenRange range, HeadCopy copy) {
            KvLayout layout = cache.layout;
            int headBytes = layout.headSize() * layout.dtype().bytes();
            int inChunk = 0;
            for (int plane = 0; plane < layout.format().planes(); plane++) {
                for (int layer = 0; layer < layout.layers(); layer++) {
                    for (int token = range.start(); token < range.end(); token++) {
                        for (int head = 0; head < layout.kvHeads(); head++) {
                            copy.copy(layer, inLayer(plane, slots[token], head), inChunk, headBytes);
                            inChunk += headBytes;
                        }
                    }
                }
            }
        }

        private int inLayer(int plane, long slot, int head) {
            int blockSize = cache.dimensions.blockSize();
            long element = cache.shape.element(
                    cache.dimensions, plane, slot / blockSize, Math.toIntExact(slot % blockSize), head);
            return Math.toIntExact(element * cache.layout.dtype().bytes());
        }
    }

    @FunctionalInterface
    private interface HeadCopy {
        void copy(int layer, int inLayer, int inChunk, int bytes);
    }
}
