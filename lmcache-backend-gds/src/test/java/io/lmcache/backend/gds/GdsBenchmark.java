package io.lmcache.backend.gds;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.backend.gds.cuda.CudaDevice;
import io.lmcache.backend.gds.cuda.DeviceMemory;
import io.lmcache.backend.gds.cuda.PageLock;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Rates between chunk files in the page cache and GPU memory through the backend, each next to the ceilings measured in
 * the same rounds: {@code java --enable-native-access=ALL-UNNAMED -cp 'FOLDER/*' io.lmcache.backend.gds.GdsBenchmark
 * DIRECTORY [DIVISOR]}. Checksums are on. With a divisor there are so many times fewer chunks.
 */
final class GdsBenchmark {
    private static final int THREADS = 16;
    private static final int ROUNDS = 5;
    private static final long SLICE = 4L << 20;
    private static final double MIB = 1 << 20;

    private final CudaDevice device;
    private final Path directory;
    private final List<ChunkKey> keys;
    private final ChunkMeta meta;
    private final Map<String, List<Double>> rates = new TreeMap<>();

    private GdsBenchmark(CudaDevice device, Path directory, ChunkMeta meta, int count) {
        this.device = device;
        this.directory = directory;
        this.meta = meta;
        KeyScope scope = KeyScope.of("bench", meta.layout());
        this.keys = TestChunks.keys(count).stream()
                .map(key -> new ChunkKey(scope, key.hash()))
                .toList();
    }

    static void main(String[] arguments) throws Exception {
        Path directory = Path.of(arguments[0]);
        int divisor = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 1;
        Files.createDirectories(directory);
        try (CudaDevice device = CudaDevice.open(0)) {
            System.out.printf("%s, %d threads, medians of %d rounds%n", device.name(), THREADS, ROUNDS);
            measure(device, directory, 32, 64 / divisor);
            measure(device, directory, 1.5, 512 / divisor);
        }
    }

    private static void measure(CudaDevice device, Path directory, double mib, int count) throws Exception {
        Path folder = Files.createTempDirectory(directory, "gds-bench");
        ChunkMeta meta = new ChunkMeta(KvLayout.mla(KvDtype.UINT8, 1, 4096), (int) (mib * MIB / 4096));
        GdsBenchmark benchmark = new GdsBenchmark(device, folder, meta, count);
        try {
            benchmark.run();
        } finally {
            delete(folder);
        }
    }

    private void run() throws Exception {
        try (StorageBackend staged = open("false");
                StorageBackend auto = open("auto")) {
            for (int round = 0; round < ROUNDS; round++) {
                staged.clear();
                note("write, staged", () -> putAll(staged));
                auto.clear();
                note("write, auto", () -> putAll(auto));
                measureCeilings();
                note("read, staged", () -> getAll(staged));
                note("read, auto", () -> getAll(auto));
            }
            print(auto);
        }
    }

    private StorageBackend open(String useCufile) {
        long buffer = (meta.byteSize() + SLICE) * keys.size();
        return new GdsBackendProvider()
                .create(
                        BackendSettings.of(
                                "gds",
                                Map.of(
                                        "path",
                                        directory.toString(),
                                        "buffer_bytes",
                                        Long.toString(buffer),
                                        "io_threads",
                                        Integer.toString(THREADS),
                                        "min_free_bytes",
                                        "0",
                                        "use_cufile",
                                        useCufile)),
                        new BackendContext("bench", Clock.systemUTC()));
    }

    private void putAll(StorageBackend backend) throws Exception {
        List<CompletableFuture<PutOutcome>> outcomes = new ArrayList<>();
        for (ChunkKey key : keys) {
            try (BufferLease lease =
                    backend.allocator().tryAllocate(meta.byteSize()).orElseThrow()) {
                outcomes.add(backend.put(key, meta, lease));
            }
        }
        for (CompletableFuture<PutOutcome> outcome : outcomes) {
            if (!outcome.get(1, TimeUnit.MINUTES).equals(PutOutcome.stored())) {
                throw new IllegalStateException("not stored: " + outcome.get());
            }
        }
    }

    private void getAll(StorageBackend backend) throws Exception {
        List<CompletableFuture<Optional<StoredChunk>>> chunks = new ArrayList<>();
        keys.forEach(key -> chunks.add(backend.get(key, backend.allocator())));
        for (CompletableFuture<Optional<StoredChunk>> chunk : chunks) {
            chunk.get(1, TimeUnit.MINUTES).orElseThrow().close();
        }
    }

    private void measureCeilings() throws Exception {
        List<Path> files = files();
        try (HostRegion region = new HostRegion(THREADS * SLICE);
                PageLock _ = device.pageLock(region.segment());
                DeviceMemory memory = device.allocate(THREADS * SLICE)) {
            // Once untimed: the first touch of memory and code is nobody's rate.
            copyThere(region.segment(), memory.buffer());
            note("ceiling: page-locked to GPU", () -> copyThere(region.segment(), memory.buffer()));
            note("ceiling: GPU to page-locked", () -> copyBack(memory.buffer(), region.segment()));
            note(
                    "ceiling: page cache to page-locked",
                    () -> inThreads(files, (file, slice) -> {
                        readFile(file, region.segment().asSlice(slice * SLICE, SLICE));
                    }));
            note(
                    "mmap and pageable copy",
                    () -> inThreads(files, (file, slice) -> {
                        copyMapped(file, memory.buffer().slice(slice * SLICE, SLICE));
                    }));
        }
    }

    private void copyThere(MemorySegment host, DeviceBuffer target) throws IOException {
        for (long moved = 0; moved < totalBytes(); moved += host.byteSize()) {
            device.copyToDevice(host, target);
        }
    }

    private void copyBack(DeviceBuffer source, MemorySegment host) throws IOException {
        for (long moved = 0; moved < totalBytes(); moved += host.byteSize()) {
            device.copyToHost(source, host);
        }
    }

    private static void readFile(Path file, MemorySegment slice) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            for (long offset = 0; offset < channel.size(); offset += slice.byteSize()) {
                channel.read(slice.asByteBuffer(), offset);
            }
        }
    }

    private void copyMapped(Path file, DeviceBuffer slice) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
                Arena arena = Arena.ofShared()) {
            MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            for (long offset = 0; offset < mapped.byteSize(); offset += slice.byteSize()) {
                long length = Math.min(slice.byteSize(), mapped.byteSize() - offset);
                device.copyToDevice(mapped.asSlice(offset, length), slice.slice(0, length));
            }
        }
    }

    private interface FileWork {
        void on(Path file, int slice) throws IOException;
    }

    private static void inThreads(List<Path> files, FileWork work) throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
            List<Future<?>> done = new ArrayList<>();
            for (int thread = 0; thread < THREADS; thread++) {
                int slice = thread;
                done.add(threads.submit(() -> {
                    for (int file = slice; file < files.size(); file += THREADS) {
                        work.on(files.get(file), slice);
                    }
                    return null;
                }));
            }
            for (Future<?> thread : done) {
                thread.get(1, TimeUnit.MINUTES);
            }
        }
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            return all.filter(file -> file.toString().endsWith(".safetensors")).toList();
        }
    }

    private long totalBytes() {
        return meta.byteSize() * keys.size();
    }

    private interface Work {
        void run() throws Exception;
    }

    private void note(String name, Work work) throws Exception {
        long start = System.nanoTime();
        work.run();
        double rate = (double) totalBytes() / (System.nanoTime() - start);
        rates.computeIfAbsent(name, _ -> new ArrayList<>()).add(rate);
    }

    private double median(String name) {
        double[] sorted = rates.getOrDefault(name, List.of(Double.NaN)).stream()
                .mapToDouble(rate -> rate)
                .toArray();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    private void print(StorageBackend auto) {
        System.out.printf("%n%d chunks of %.1f MiB, GB/s%n", keys.size(), meta.byteSize() / MIB);
        rates.keySet().stream()
                .sorted(Comparator.naturalOrder())
                .forEach(name -> System.out.printf("  %-36s %6.1f%n", name, median(name)));
        double ceiling = Math.min(median("ceiling: page-locked to GPU"), median("ceiling: page cache to page-locked"));
        for (String read : List.of("read, staged", "read, auto")) {
            System.out.printf(
                    "  %-36s %6.2f of the smaller ceiling, %.1f times mmap and pageable copy%n",
                    read, median(read) / ceiling, median(read) / median("mmap and pageable copy"));
        }
        auto.stats().counters().forEach((name, value) -> {
            if (name.startsWith("path")) {
                System.out.printf("  auto: %-30s %d%n", name, value);
            }
        });
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
