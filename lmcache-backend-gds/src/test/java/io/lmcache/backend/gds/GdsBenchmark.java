package io.lmcache.backend.gds;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.backend.gds.cufile.CufileDriver;
import io.lmcache.backend.gds.cufile.CufileFile;
import io.lmcache.backend.gds.cufile.RegisteredBuffer;
import io.lmcache.backend.gds.io.IoPath;
import io.lmcache.chunkfiles.io.DirectIo;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.DeviceMemory;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Rates between chunk files and GPU memory through the backend, each next to the ceilings measured in the same rounds:
 * {@code java --enable-native-access=ALL-UNNAMED -cp 'FOLDER/*' io.lmcache.backend.gds.GdsBenchmark DIRECTORY [DIVISOR]}.
 * Checksums are on. With a divisor there are so many times fewer chunks.
 */
final class GdsBenchmark {
    private static final int ROUNDS = 5;
    private static final int COLD_ROUNDS = 3;
    private static final long HEADER = 4096;
    private static final double MIB = 1 << 20;

    private final CudaDevice device;
    private final Path directory;
    private final List<ChunkKey> keys;
    private final ChunkMeta meta;
    private final Measurements rates = new Measurements();
    private final Ceilings ceilings;

    private GdsBenchmark(CudaDevice device, Path directory, ChunkMeta meta, int count) {
        this.device = device;
        this.directory = directory;
        this.meta = meta;
        this.ceilings = new Ceilings(device);
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
            System.out.printf("%s, %d threads, medians of %d rounds%n", device.name(), Ceilings.THREADS, ROUNDS);
            Measurements large = measure(device, directory, 32, 64 / divisor);
            Measurements small = measure(device, directory, 1.5, 512 / divisor);
            System.out.printf("%nboth%n");
            for (String read : List.of("read, staged", "read, libcufile or staged")) {
                Measurements.atLeast(0.8, read + ": 1.5 MiB over 32 MiB", small.median(read) / large.median(read));
            }
        }
    }

    private static Measurements measure(CudaDevice device, Path directory, double mib, int count) throws Exception {
        Path folder = Files.createTempDirectory(directory, "gds-bench");
        ChunkMeta meta = new ChunkMeta(KvLayout.mla(KvDtype.UINT8, 1, 4096), (int) (mib * MIB / 4096));
        GdsBenchmark benchmark = new GdsBenchmark(device, folder, meta, count);
        try {
            benchmark.run();
            return benchmark.rates;
        } finally {
            delete(folder);
        }
    }

    private void run() throws Exception {
        measureWarm();
        measureCold();
        rates.print("%d chunks of %.1f MiB".formatted(keys.size(), meta.byteSize() / MIB));
        judge();
    }

    /** Files in the page cache. */
    private void measureWarm() throws Exception {
        try (StorageBackend staged = open("false", false);
                StorageBackend auto = open("auto", false)) {
            for (int round = 0; round < ROUNDS; round++) {
                staged.clear();
                note("write, staged", () -> putAll(staged));
                auto.clear();
                note("write, libcufile or staged", () -> putAll(auto));
            }
            // Once untimed: code that is not compiled yet is nobody's rate.
            getAll(staged);
            getAll(auto);
            for (int round = 0; round < ROUNDS; round++) {
                ceilings.measureCopies(rates, totalBytes());
                ceilings.measureFiles(rates, totalBytes(), files(".safetensors"));
                note("read, staged", () -> getAll(staged));
                note("read, libcufile or staged", () -> getAll(auto));
            }
            auto.stats().counters().forEach((counter, value) -> {
                if (IoPath.counters().contains(counter) && value > 0) {
                    System.out.printf("libcufile or staged: %s %d%n", counter.text(), value);
                }
            });
        }
        measureBareCufile();
    }

    /** Past the page cache. */
    private void measureCold() throws Exception {
        try (StorageBackend staged = open("false", true);
                StorageBackend auto = open("auto", true)) {
            for (int round = 0; round < COLD_ROUNDS; round++) {
                note("O_DIRECT ceiling: the disk, written", this::writeDisk);
                note("O_DIRECT ceiling: the disk, read", () -> readDisk(files(".plain")));
                for (Path plain : files(".plain")) {
                    Files.delete(plain);
                }
                staged.clear();
                note("O_DIRECT write, staged", () -> putAll(staged));
                note("O_DIRECT read, staged", () -> getAll(staged));
                auto.clear();
                note("O_DIRECT write, libcufile or staged", () -> putAll(auto));
                note("O_DIRECT read, libcufile or staged", () -> getAll(auto));
            }
        }
    }

    private void judge() {
        double ceiling = Ceilings.smaller(rates);
        double staged = rates.median("read, staged");
        Measurements.atLeast(0.9, "read, staged, over the smaller ceiling", staged / ceiling);
        Measurements.atLeast(4, "read, staged, over mmap and pageable copies", staged / rates.median(Ceilings.MMAP));
        double bare = rates.median("bare cuFile calls, read");
        if (!Double.isNaN(bare)) {
            Measurements.atLeast(
                    0.95, "read, libcufile, over bare calls", rates.median("read, libcufile or staged") / bare);
        }
        for (String way : List.of("staged", "libcufile or staged")) {
            Measurements.atLeast(
                    0.95,
                    "O_DIRECT read, " + way + ", over the disk",
                    rates.median("O_DIRECT read, " + way) / rates.median("O_DIRECT ceiling: the disk, read"));
            Measurements.atLeast(
                    0.95,
                    "O_DIRECT write, " + way + ", over the disk",
                    rates.median("O_DIRECT write, " + way) / rates.median("O_DIRECT ceiling: the disk, written"));
        }
    }

    private StorageBackend open(String useCufile, boolean useDirectIo) {
        long buffer = (meta.byteSize() + Ceilings.SLICE) * keys.size();
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
                                        Integer.toString(Ceilings.THREADS),
                                        "min_free_bytes",
                                        "0",
                                        "use_direct_io",
                                        Boolean.toString(useDirectIo),
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

    /** As many threads as the backend has, each file opened, registered, read whole and let go; nothing is checked. */
    private void measureBareCufile() throws Exception {
        try (DeviceMemory memory = device.allocate(Ceilings.THREADS * meta.byteSize());
                CufileDriver driver = CufileDriver.open(Optional.empty());
                RegisteredBuffer registration = driver.register(device, memory.buffer())) {
            for (int round = 0; round < ROUNDS; round++) {
                note(
                        "bare cuFile calls, read",
                        () -> Ceilings.inThreads(device, files(".safetensors"), (file, slice) -> {
                            DeviceBuffer target = memory.buffer().slice(slice * meta.byteSize(), meta.byteSize());
                            try (CufileFile opened = driver.openFile(file, CufileFile.Mode.READ, false)) {
                                opened.read(registration, target, HEADER);
                            }
                        }));
            }
        } catch (IOException e) {
            System.out.printf("no bare cuFile calls: %s%n", e.getMessage());
        }
    }

    private void writeDisk() throws Exception {
        List<Path> targets = keys.stream()
                .map(key -> directory.resolve(keys.indexOf(key) + ".plain"))
                .toList();
        Ceilings.inThreads(
                device,
                targets,
                (file, slice) -> onDisk(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
    }

    private void readDisk(List<Path> files) throws Exception {
        Ceilings.inThreads(device, files, (file, slice) -> onDisk(file, StandardOpenOption.READ));
    }

    private void onDisk(Path file, OpenOption... options) throws IOException {
        ByteBuffer buffer = DirectIo.allocate(Math.toIntExact(Math.min(Ceilings.SLICE, meta.byteSize())));
        Set<OpenOption> all =
                Stream.concat(Stream.of(options), Stream.of(DirectIo.OPTION)).collect(Collectors.toSet());
        try (FileChannel channel = FileChannel.open(file, all)) {
            for (long offset = 0; offset < meta.byteSize(); offset += buffer.capacity()) {
                buffer.clear();
                if (all.contains(StandardOpenOption.READ)) {
                    channel.read(buffer, offset);
                } else {
                    channel.write(buffer, offset);
                }
            }
        }
    }

    private List<Path> files(String suffix) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            return all.filter(file -> file.toString().endsWith(suffix)).toList();
        }
    }

    private long totalBytes() {
        return meta.byteSize() * keys.size();
    }

    private void note(String name, Measurements.Work work) throws Exception {
        rates.note(name, totalBytes(), work);
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
