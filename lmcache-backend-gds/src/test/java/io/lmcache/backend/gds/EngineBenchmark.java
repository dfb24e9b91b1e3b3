package io.lmcache.backend.gds;

import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.engine.RetrieveResult;
import io.lmcache.api.engine.StoreResult;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.core.backend.BackendRegistry;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.cuda.HostPageLocks;
import io.lmcache.cuda.kernel.DeviceCrc32c;
import io.lmcache.cuda.kernel.GpuDevice;
import io.lmcache.cuda.paged.BlockTable;
import io.lmcache.cuda.paged.HeadOrder;
import io.lmcache.cuda.paged.PagedKv;
import io.lmcache.cuda.paged.PagedKvCache;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A whole stack between its tiers and a paged cache on the GPU, by the engine's own calls: {@code java
 * --enable-native-access=ALL-UNNAMED -cp 'FOLDER/*' io.lmcache.backend.gds.EngineBenchmark host|end-to-end DIRECTORY}.
 * Every way is also checked: what comes back has the checksums of what went.
 */
final class EngineBenchmark implements AutoCloseable {
    private static final int BLOCK_SIZE = 16;
    private static final int ROUNDS = 5;
    private static final long MIB = 1 << 20;
    // Once untimed: code that is not compiled yet is nobody's rate.
    private static final String WARM_UP = "(first time)";
    private static final long PATTERN_BYTES = 4 * MIB;

    private final GpuDevice gpu;
    private final Path directory;
    private final KvLayout layout;
    private final long bytes;
    private final int[] tokens;
    private final List<DeviceBuffer> layers = new ArrayList<>();
    private final PagedKvCache cache;
    private final BlockTable blocks;
    private final SlabAllocator requestMemory;
    private final DeviceCrc32c crc;
    private final Measurements rates = new Measurements();

    /** A paged cache on the GPU, full of bytes that no two places share. The GPU stays the caller's. */
    EngineBenchmark(GpuDevice gpu, Path directory, KvLayout layout, int tokenCount) throws IOException {
        this.gpu = gpu;
        this.directory = directory;
        this.layout = layout;
        this.bytes = layout.chunkBytes(tokenCount);
        this.tokens = IntStream.range(0, tokenCount).toArray();
        for (int layer = 0; layer < layout.layers(); layer++) {
            layers.add(gpu.allocate(bytes / layout.layers()));
        }
        long[] addresses = layers.stream().mapToLong(DeviceBuffer::address).toArray();
        this.cache = PagedKvCache.keysFirst(
                layout, gpu.device().ordinal(), tokenCount / BLOCK_SIZE, BLOCK_SIZE, HeadOrder.NHD, addresses);
        this.blocks = shuffledBlocks(tokenCount / BLOCK_SIZE);
        this.requestMemory = new SlabAllocator("requests", gpu.allocate(128 * MIB), _ -> {});
        this.crc = new DeviceCrc32c(gpu.stream(), gpu.allocate(DeviceCrc32c.SCRATCH_BYTES));
        fillLayers(new Random(1));
    }

    static void main(String[] arguments) throws Exception {
        Path directory = Files.createTempDirectory(Files.createDirectories(Path.of(arguments[1])), "engine-bench");
        try {
            switch (arguments[0]) {
                case "host" -> {
                    double large = hostTier(directory, KvLayout.kv(KvDtype.BFLOAT16, 32, 8, 128), 64 * 256);
                    double small = hostTier(directory, KvLayout.kv(KvDtype.BFLOAT16, 12, 1, 128), 512 * 256);
                    System.out.printf("%nboth%n");
                    Measurements.atLeast(0.8, "host tier to paged cache: 1.5 MiB over 32 MiB", small / large);
                }
                case "end-to-end" -> endToEnd(directory);
                default -> throw new IllegalArgumentException("neither host nor end-to-end: " + arguments[0]);
            }
        } finally {
            delete(directory);
        }
    }

    private static double hostTier(Path directory, KvLayout layout, int tokenCount) throws Exception {
        try (GpuDevice gpu = GpuDevice.open();
                EngineBenchmark benchmark = new EngineBenchmark(gpu, directory, layout, tokenCount)) {
            benchmark.hostTier(ROUNDS);
            benchmark.rates.print(benchmark.title("host tier"));
            Measurements.atLeast(
                    0.95,
                    "host tier to paged cache, over page-locked copies",
                    benchmark.rates.median("host tier to paged cache") / benchmark.rates.median(Ceilings.TO_GPU));
            Measurements.atLeast(
                    0.95,
                    "paged cache to host tier, over page-locked copies",
                    benchmark.rates.median("paged cache to host tier") / benchmark.rates.median(Ceilings.TO_HOST));
            return benchmark.rates.median("host tier to paged cache");
        }
    }

    private static void endToEnd(Path directory) throws Exception {
        try (GpuDevice gpu = GpuDevice.open();
                EngineBenchmark benchmark =
                        new EngineBenchmark(gpu, directory, KvLayout.kv(KvDtype.BFLOAT16, 32, 8, 128), 32_768)) {
            benchmark.fileTier(ROUNDS);
            benchmark.bothTiers(3);
            benchmark.rates.print(benchmark.title("end to end"));
            double toGpu = benchmark.rates.median(Ceilings.TO_GPU);
            double smaller = Ceilings.smaller(benchmark.rates);
            benchmark.judge("page cache to paged cache", smaller);
            benchmark.judge("page cache to host tier and paged cache", smaller);
            benchmark.judge("host tier of two to paged cache", toGpu);
        }
    }

    private String title(String what) {
        return "%s: %s, %d tokens of %s, %.0f MiB"
                .formatted(what, gpu.device().name(), tokens.length, layout.fingerprint(), bytes / (double) MIB);
    }

    private void judge(String way, double ceiling) {
        double seconds = bytes / rates.median(way) / 1e9;
        Measurements.atMost(
                1.25,
                "%s: %.0f ms, over the floor of %.0f ms".formatted(way, seconds * 1e3, bytes / ceiling / 1e6),
                ceiling / rates.median(way));
    }

    /** A stack of the host tier alone, page-locked. */
    void hostTier(int rounds) throws Exception {
        StorageBackend tier = BackendRegistry.discover()
                .create(
                        "cpu",
                        "cpu",
                        BackendSettings.of("cpu", hostSettings()),
                        new BackendContext("bench", Clock.systemUTC()));
        HostBuffer region = (HostBuffer) tier.allocator().region().orElseThrow();
        try (LmcacheStack stack = LmcacheStack.builder().tier(tier).build();
                HostPageLocks locks = HostPageLocks.start(gpu.device(), List.of(region))) {
            awaitLocked(locks::lockedBytes, region.byteSize());
            KvCache kv = stack.cache(KeyScope.of("bench", layout));
            Ceilings ceilings = new Ceilings(gpu.device());
            store(kv);
            retrieve(kv, WARM_UP, "cpu");
            for (int round = 0; round < rounds; round++) {
                ceilings.measureCopies(rates, bytes);
                stack.clear();
                rates.note("paged cache to host tier", bytes, () -> store(kv));
                retrieve(kv, "host tier to paged cache", "cpu");
            }
        }
    }

    /** A stack of the file tier alone: chunks go to its own memory on the GPU. */
    void fileTier(int rounds) throws Exception {
        try (LmcacheStack stack =
                LmcacheStack.builder().tier("gds", fileSettings()).build()) {
            KvCache kv = stack.cache(KeyScope.of("bench", layout));
            store(kv).published().get(2, TimeUnit.MINUTES);
            Ceilings ceilings = new Ceilings(gpu.device());
            retrieve(kv, WARM_UP, "gds");
            for (int round = 0; round < rounds; round++) {
                ceilings.measureCopies(rates, bytes);
                ceilings.measureFiles(rates, bytes, files());
                retrieve(kv, "page cache to paged cache", "gds");
            }
        }
    }

    /** The default stack: hits in the file tier go through the page-locked host tier and stay there. */
    void bothTiers(int rounds) throws Exception {
        for (int round = 0; round < rounds; round++) {
            try (LmcacheStack stack = LmcacheStack.builder()
                    .tier("cpu", hostSettings())
                    .tier("gds", fileSettings())
                    .build()) {
                awaitLocked(
                        () -> Objects.requireNonNull(stack.stats().tiers().get("gds"))
                                .count(BackendCounter.PAGE_LOCKED_BYTES),
                        hostBytes());
                KvCache kv = stack.cache(KeyScope.of("bench", layout));
                retrieve(kv, "page cache to host tier and paged cache", "gds");
                retrieve(kv, "host tier of two to paged cache", "cpu");
            }
        }
    }

    private StoreResult store(KvCache kv) throws IOException {
        try (PagedKv request = open()) {
            StoreResult result = kv.store(tokens, request);
            require(result.storedTokens() == tokens.length, "stored: " + result.storedTokens());
            return result;
        }
    }

    /** Into a wiped cache, timed; then what has come back is compared. */
    private void retrieve(KvCache kv, String name, String tier) throws Exception {
        int[] before = crc.compute(layers);
        wipeLayers();
        RetrieveResult[] result = new RetrieveResult[1];
        rates.note(name, bytes, () -> {
            try (PagedKv request = open()) {
                result[0] = kv.retrieve(tokens, request);
            }
        });
        require(result[0].tokensByTier().equals(Map.of(tier, tokens.length)), name + ": " + result[0]);
        require(Arrays.equals(before, crc.compute(layers)), name + ": other bytes came back");
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalStateException(otherwise);
        }
    }

    private static BlockTable shuffledBlocks(int count) {
        List<Integer> blocks = new ArrayList<>(IntStream.range(0, count).boxed().toList());
        Collections.shuffle(blocks, new Random(2));
        return BlockTable.of(blocks.stream().mapToInt(id -> id).toArray());
    }

    private PagedKv open() {
        return PagedKv.tryOpen(cache, blocks, gpu.stream(), requestMemory, layout.chunkBytes(256))
                .orElseThrow();
    }

    private interface Count {
        long bytes();
    }

    private static void awaitLocked(Count locked, long expected) throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
        while (locked.bytes() < expected) {
            require(System.nanoTime() < deadline, "page-locked: " + locked.bytes() + " of " + expected);
            Thread.sleep(1);
        }
    }

    private long hostBytes() {
        return bytes + 64 * MIB;
    }

    private Map<String, String> hostSettings() {
        return Map.of("capacity_bytes", Long.toString(hostBytes()));
    }

    /** A buffer for 32 chunks, as the default has it for chunks of 32 MiB. */
    private Map<String, String> fileSettings() {
        Map<String, String> settings = new HashMap<>();
        settings.put("path", directory.toString());
        settings.put("buffer_bytes", Long.toString(32 * layout.chunkBytes(256)));
        settings.put("io_threads", Integer.toString(Ceilings.THREADS));
        settings.put("min_free_bytes", "0");
        settings.put("use_cufile", "false");
        return settings;
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            return all.filter(file -> file.toString().endsWith(".safetensors")).toList();
        }
    }

    private void fillLayers(Random random) throws IOException {
        try (HostRegion region = new HostRegion(PATTERN_BYTES)) {
            MemorySegment pattern = region.segment();
            for (long offset = 0; offset < PATTERN_BYTES; offset += Long.BYTES) {
                pattern.set(ValueLayout.JAVA_LONG, offset, random.nextLong());
            }
            long place = 0;
            for (DeviceBuffer layer : layers) {
                for (long offset = 0; offset < layer.byteSize(); offset += PATTERN_BYTES) {
                    long length = Math.min(PATTERN_BYTES, layer.byteSize() - offset);
                    pattern.set(ValueLayout.JAVA_LONG, 0, place++);
                    gpu.device().copyToDevice(pattern.asSlice(0, length), layer.slice(offset, length));
                }
            }
        }
    }

    private void wipeLayers() throws IOException {
        try (HostRegion zeros = new HostRegion(PATTERN_BYTES)) {
            for (DeviceBuffer layer : layers) {
                for (long offset = 0; offset < layer.byteSize(); offset += PATTERN_BYTES) {
                    long length = Math.min(PATTERN_BYTES, layer.byteSize() - offset);
                    gpu.device().copyToDevice(zeros.segment().asSlice(0, length), layer.slice(offset, length));
                }
            }
        }
    }

    @Override
    public void close() {
        requestMemory.close();
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
