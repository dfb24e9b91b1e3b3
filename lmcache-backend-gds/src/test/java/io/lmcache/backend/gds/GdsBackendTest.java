package io.lmcache.backend.gds;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.backend.gds.io.IoPath;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.DeviceMemory;
import io.lmcache.cuda.kernel.EmulatedKernels;
import io.lmcache.cuda.standin.StandIns;
import io.lmcache.testkit.LeakCheck;
import io.lmcache.testkit.TestChunks;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the contract does not say: paths, fallbacks, and the memory of the device. */
@ExtendWith(StandIns.class)
class GdsBackendTest {
    private static final long MIB = 1 << 20;

    /** 3 pieces, the last of which ends in mid-page. */
    private static final ChunkMeta LARGE =
            new ChunkMeta(KvLayout.mla(KvDtype.UINT8, 1, 1), Math.toIntExact(9 * MIB + 4097));

    private static final ChunkKey LARGE_KEY = TestChunks.key(KeyScope.of("large", LARGE.layout()), 1);

    @RegisterExtension
    final LeakCheck leaks = new LeakCheck();

    @TempDir
    private Path root;

    private final Map<String, String> settings = new HashMap<>(Map.of(
            "buffer_bytes", Long.toString(64 * MIB),
            "io_threads", "4",
            "min_free_bytes", "0",
            "allocation_attempt_delay_secs", "0.01"));

    /** Checksums are taken on the host, except where a test says otherwise: the emulated kernel is slow. */
    @BeforeEach
    void refuseKernels() {
        StandIns.failAlways("cuModuleLoadData", CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
    }

    private StorageBackend open(String useCufile) {
        settings.put("path", root.toString());
        settings.put("use_cufile", useCufile);
        settings.putIfAbsent("cufile_library", StandIns.cufileLibrary().toString());
        return new GdsBackendProvider()
                .create(BackendSettings.of("gds", settings), new BackendContext("test", Clock.systemUTC()));
    }

    @Test
    void anEngineWithoutMemoryOnTheDeviceGetsHostMemory() {
        settings.put("staging_bytes", Long.toString(MIB));
        try (StorageBackend backend = open("auto")) {
            BufferAllocator host = backend.allocator(MemoryDomain.HOST).orElseThrow();
            assertThat(host.limitBytes()).isEqualTo(MIB);
            ChunkKey key = TestChunks.key(1);
            try (BufferLease lease = TestChunks.lease(host, key, TestChunks.META)) {
                assertThat(await(backend.put(key, TestChunks.META, lease))).isEqualTo(PutOutcome.stored());
            }
            try (StoredChunk chunk = await(backend.get(key, host)).orElseThrow()) {
                TestChunks.requireIntact(key, TestChunks.hostSegment(chunk.lease()));
            }
            assertThat(backend.allocator(MemoryDomain.DEVICE)).containsSame(backend.allocator());
        }
    }

    private static <T> T await(CompletableFuture<T> future) {
        try {
            return future.get(10, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            throw new AssertionError(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    private static PutOutcome put(StorageBackend backend, ChunkKey key, ChunkMeta meta) {
        try (BufferLease lease =
                backend.allocator().tryAllocate(meta.byteSize()).orElseThrow()) {
            DeviceChunks.fill(key, (DeviceBuffer) lease.buffer());
            return await(backend.put(key, meta, lease));
        }
    }

    private static void assertHolds(StorageBackend backend, ChunkKey key, BufferAllocator allocator) {
        try (StoredChunk chunk = await(backend.get(key, allocator)).orElseThrow()) {
            switch (chunk.lease().buffer()) {
                case HostBuffer host -> TestChunks.requireIntact(key, host.segment());
                case DeviceBuffer device -> DeviceChunks.requireIntact(key, device);
            }
        }
    }

    private static long counter(StorageBackend backend, BackendCounter counter) {
        return Objects.requireNonNull(backend.stats().counters().get(counter), counter.text());
    }

    private Path onlyChunkFile() throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            return files.filter(file -> file.toString().endsWith(".safetensors"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    // Paths

    @ParameterizedTest
    @CsvSource({"auto, COMPATIBLE", "true, COMPATIBLE", "false, STAGED"})
    void whatOnePathWritesEveryOtherReads(String useCufile, IoPath path) throws IOException, InterruptedException {
        StandIns.emulateKernels(EmulatedKernels.load());
        StandIns.fail("cuModuleLoadData", 0, 0, 0);
        try (StorageBackend backend = open(useCufile)) {
            assertThat(put(backend, LARGE_KEY, LARGE)).isEqualTo(PutOutcome.stored());
            assertThat(counter(backend, path.bytes())).isEqualTo(LARGE.byteSize());
        }
        BufferAllocator host = leaks.hostAllocator("caller", 32 * MIB);
        for (String other : new String[] {"true", "false"}) {
            try (StorageBackend backend = open(other)) {
                assertHolds(backend, LARGE_KEY, backend.allocator());
                assertHolds(backend, LARGE_KEY, host);
                assertThat(counter(backend, BackendCounter.HOST_OPERATIONS)).isOne();
                assertThat(counter(backend, BackendCounter.DIRECT_OPERATIONS)).isZero();
            }
        }
    }

    @Test
    void hostMemoryIsWrittenWithoutTheDevice() {
        BufferAllocator host = leaks.hostAllocator("caller", 32 * MIB);
        try (StorageBackend backend = open("auto")) {
            try (BufferLease lease = TestChunks.lease(host, LARGE_KEY, LARGE)) {
                assertThat(await(backend.put(LARGE_KEY, LARGE, lease))).isEqualTo(PutOutcome.stored());
            }
            assertThat(StandIns.count("cuMemcpyHtoDAsync")).isZero();
            assertThat(counter(backend, BackendCounter.HOST_BYTES)).isEqualTo(LARGE.byteSize());
            assertHolds(backend, LARGE_KEY, backend.allocator());
        }
    }

    @Test
    void directIoMovesTheSameBytes() {
        settings.put("use_direct_io", "true");
        for (String useCufile : new String[] {"false", "auto"}) {
            try (StorageBackend backend = open(useCufile)) {
                ChunkKey key = TestChunks.key(LARGE_KEY.scope(), useCufile.length());
                assertThat(put(backend, key, LARGE)).isEqualTo(PutOutcome.stored());
                assertHolds(backend, key, backend.allocator());
            }
        }
    }

    @Test
    void deviceMemoryOfTheEmbedderIsStagedSinceItIsNotRegistered() throws IOException {
        try (CudaDevice device = CudaDevice.open(0);
                DeviceMemory memory = device.allocate(32 * MIB);
                StorageBackend backend = open("true")) {
            SlabAllocator embedder = leaks.watch(new SlabAllocator("embedder", memory.buffer(), _ -> {}));
            put(backend, LARGE_KEY, LARGE);
            assertHolds(backend, LARGE_KEY, embedder);
            assertThat(counter(backend, BackendCounter.STAGED_OPERATIONS)).isOne();
        }
    }

    @Test
    void memoryOfAnotherDeviceIsRefused() {
        StandIns.devices(2);
        try (CudaDevice device = CudaDevice.open(1);
                DeviceMemory memory = device.allocate(MIB);
                StorageBackend backend = open("auto")) {
            SlabAllocator other = leaks.watch(new SlabAllocator("other", memory.buffer(), _ -> {}));
            ChunkKey key = TestChunks.key(1);
            try (BufferLease lease =
                    other.tryAllocate(TestChunks.META.byteSize()).orElseThrow()) {
                assertThat(await(backend.put(key, TestChunks.META, lease)))
                        .isInstanceOfSatisfying(
                                PutOutcome.Declined.class,
                                declined -> assertThat(declined.reason()).isEqualTo(DeclineReason.UNSUPPORTED));
            }
            put(backend, key, TestChunks.META);
            assertThatThrownBy(() -> backend.get(key, other).get(10, TimeUnit.SECONDS))
                    .hasMessageContaining("device 1");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void falseNeverTouchesLibcufile() {
        try (StorageBackend backend = open("false")) {
            put(backend, LARGE_KEY, LARGE);
            assertHolds(backend, LARGE_KEY, backend.allocator());
        }
        assertThat(StandIns.count("cuFileDriverOpen")).isZero();
    }

    // Fallbacks

    @ParameterizedTest
    @CsvSource({
        "cuFileDriverOpen, 5001", "cuFileDriverOpen, 5007", "cuFileBufRegister, 5036", "cuFileHandleRegister, 5027",
        "cuFileHandleRegister, 5030", "cuFileWrite, 5008", "cuFileRead, 5010", "cuFileRead, 1"
    })
    void aFailureAtTheStartLeadsToStaging(String call, int code) {
        StandIns.failAlways(call, code);
        String log = logOf(() -> {
            try (StorageBackend backend = open("auto")) {
                assertThat(put(backend, LARGE_KEY, LARGE)).isEqualTo(PutOutcome.stored());
                assertHolds(backend, LARGE_KEY, backend.allocator());
                assertThat(counter(backend, BackendCounter.STAGED_OPERATIONS)).isEqualTo(2);
                assertThat(counter(backend, BackendCounter.COMPATIBLE_OPERATIONS))
                        .isZero();
            }
        });
        assertThat(log).containsOnlyOnce("libcufile").contains(call);
    }

    @ParameterizedTest
    @CsvSource({"cuFileDriverOpen, 5001", "cuFileBufRegister, 5036", "cuFileHandleRegister, 5027", "cuFileRead, 5030"})
    void aFailureAtTheStartFailsItWhereLibcufileIsRequired(String call, int code) {
        StandIns.failAlways(call, code);
        assertThatThrownBy(() -> open("true"))
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.START_FAILED))
                .hasMessageContaining("use_cufile is true")
                .hasMessageContaining(Integer.toString(code));
    }

    @ParameterizedTest
    @CsvSource({
        "cuFileHandleRegister, 5027, 0",
        "cuFileHandleRegister, 5030, 0",
        "cuFileRead, 5008, 0",
        "cuFileRead, 5030, 2",
    })
    void aFailureInMidReadIsStagedInstead(String call, int code, int after) {
        String log = logOf(() -> {
            try (StorageBackend backend = open("auto")) {
                put(backend, LARGE_KEY, LARGE);
                StandIns.fail(call, code, after, 1);
                assertHolds(backend, LARGE_KEY, backend.allocator());
                assertHolds(backend, LARGE_KEY, backend.allocator());
                assertThat(counter(backend, BackendCounter.STAGED_OPERATIONS)).isEqualTo(2);
                assertThat(counter(backend, BackendCounter.IO_ERRORS)).isZero();
            }
        });
        assertThat(log).containsOnlyOnce("libcufile").contains(call, Integer.toString(code));
    }

    @ParameterizedTest
    @CsvSource({"cuFileHandleRegister, 5027, 0", "cuFileWrite, 5008, 0", "cuFileWrite, 5030, 2"})
    void aFailureInMidWriteIsStagedInstead(String call, int code, int after) {
        String log = logOf(() -> {
            try (StorageBackend backend = open("auto")) {
                StandIns.fail(call, code, after, 1);
                assertThat(put(backend, LARGE_KEY, LARGE)).isEqualTo(PutOutcome.stored());
                assertThat(counter(backend, BackendCounter.STAGED_OPERATIONS)).isOne();
                assertHolds(backend, LARGE_KEY, backend.allocator());
            }
        });
        assertThat(log).containsOnlyOnce("libcufile").contains(call, Integer.toString(code));
    }

    @Test
    void troubleOfTheFileDoesNotTurnLibcufileOff() {
        try (StorageBackend backend = open("auto")) {
            put(backend, LARGE_KEY, LARGE);
            StandIns.fail("cuFileRead", 1, 0, 1);
            assertThatThrownBy(() -> backend.get(LARGE_KEY, backend.allocator()).get(10, TimeUnit.SECONDS))
                    .hasRootCauseInstanceOf(IOException.class);
            assertHolds(backend, LARGE_KEY, backend.allocator());
            assertThat(counter(backend, BackendCounter.COMPATIBLE_OPERATIONS)).isEqualTo(2);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"cuMemcpyHtoDAsync", "cuEventRecord", "cuEventQuery", "cuCtxSetCurrent"})
    void aCudaErrorInMidReadIsAFailureThatKeepsNothing(String call) {
        try (StorageBackend backend = open("false")) {
            put(backend, LARGE_KEY, LARGE);
            StandIns.fail(call, CUresult.CUDA_ERROR_LAUNCH_FAILED, 0, 1);
            assertThatThrownBy(() -> backend.get(LARGE_KEY, backend.allocator()).get(10, TimeUnit.SECONDS))
                    .hasMessageContaining("CUDA_ERROR_LAUNCH_FAILED");
            assertThat(backend.allocator().usedBytes()).isZero();
            assertHolds(backend, LARGE_KEY, backend.allocator());
        }
    }

    @Test
    void theKernelSumsWhatLibcufileMoves() throws IOException, InterruptedException {
        StandIns.emulateKernels(EmulatedKernels.load());
        StandIns.fail("cuModuleLoadData", 0, 0, 0);
        try (StorageBackend backend = open("true")) {
            put(backend, LARGE_KEY, LARGE);
            assertHolds(backend, LARGE_KEY, backend.allocator());
            assertThat(StandIns.count("cuLaunchKernel"))
                    .as("3 pieces, there and back")
                    .isEqualTo(6);
        }
    }

    // Memory of the device

    @Test
    void tooLittleMemoryAtTheStartSaysHowMuchAndWhatToDo() {
        StandIns.totalMemory(32 * MIB);
        assertThatThrownBy(() -> open("auto"))
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.START_FAILED))
                .hasMessageContaining("67108864 bytes")
                .hasMessageContaining("33554432 bytes free")
                .hasMessageContaining("cufile_buffer_size");
    }

    @Test
    void memoryThatCannotBeLockedSaysWhatToDo() {
        StandIns.failAlways("cuMemHostRegister", CUresult.CUDA_ERROR_OUT_OF_MEMORY);
        assertThatThrownBy(() -> open("auto")).hasMessageContaining("ulimit -l");
    }

    @ParameterizedTest
    @ValueSource(strings = {"cuStreamCreate", "cuEventCreate", "cuCtxPushCurrent"})
    void aStartThatFailsHalfWayKeepsNothing(String call) {
        StandIns.fail(call, CUresult.CUDA_ERROR_UNKNOWN, 1, 1);
        assertThatThrownBy(() -> open("auto")).isInstanceOf(LmcacheException.class);
    }

    @Test
    void aReadWaitsForRoomInTheBuffer() {
        settings.put("max_alloc_attempts", "1000");
        try (StorageBackend backend = open("auto")) {
            put(backend, LARGE_KEY, LARGE);
            CompletableFuture<Optional<StoredChunk>> get;
            try (BufferLease everything = backend.allocator()
                    .tryAllocate(backend.allocator().limitBytes())
                    .orElseThrow()) {
                get = backend.get(LARGE_KEY, backend.allocator());
                assertThat(everything.buffer().byteSize()).isPositive();
            }
            await(get).orElseThrow().close();
        }
    }

    @Test
    void aReadThatFindsNoRoomIsAMissInTheEnd() {
        settings.put("max_alloc_attempts", "3");
        try (StorageBackend backend = open("auto")) {
            put(backend, LARGE_KEY, LARGE);
            try (BufferLease everything = backend.allocator()
                    .tryAllocate(backend.allocator().limitBytes())
                    .orElseThrow()) {
                assertThat(await(backend.get(LARGE_KEY, backend.allocator()))).isEmpty();
                assertThat(everything.buffer().byteSize()).isPositive();
            }
            assertHolds(backend, LARGE_KEY, backend.allocator());
        }
    }

    @Test
    void memoryIsKeptWhileAChunkIsLeasedAndFreedByALaterClose() {
        StorageBackend backend = open("true");
        put(backend, LARGE_KEY, LARGE);
        try (StoredChunk chunk =
                await(backend.get(LARGE_KEY, backend.allocator())).orElseThrow()) {
            assertThatThrownBy(backend::close)
                    .isInstanceOfSatisfying(
                            LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.LEAK));
            assertThat(StandIns.count("cuFileBufDeregister")).isOne();
            DeviceChunks.requireIntact(LARGE_KEY, (DeviceBuffer) chunk.lease().buffer());
        }
        backend.close();
        assertThat(StandIns.allocatedBytes()).isZero();
    }

    @Test
    void twoBackendsOfTwoDevicesShareADirectoryAndTheDriver() {
        StandIns.devices(2);
        StandIns.totalMemory(512 * MIB);
        try (StorageBackend first = open("true")) {
            settings.put("device", "1");
            try (StorageBackend second = open("true")) {
                put(first, LARGE_KEY, LARGE);
                assertHolds(second, LARGE_KEY, second.allocator());
            }
            assertHolds(first, LARGE_KEY, first.allocator());
        }
        assertThat(StandIns.count("cuFileDriverOpen")).isOne();
    }

    // Open files

    @Test
    void aFileIsRegisteredOnceForManyReads() {
        try (StorageBackend backend = open("true")) {
            put(backend, LARGE_KEY, LARGE);
            long before = StandIns.count("cuFileHandleRegister");
            for (int i = 0; i < 5; i++) {
                assertHolds(backend, LARGE_KEY, backend.allocator());
            }
            assertThat(StandIns.count("cuFileHandleRegister") - before).isOne();
        }
    }

    @Test
    void theNumberOfOpenFilesIsBounded() {
        try (StorageBackend backend = open("true")) {
            for (ChunkKey key : TestChunks.keys(300)) {
                put(backend, key, TestChunks.META);
                assertHolds(backend, key, backend.allocator());
            }
            assertThat(StandIns.cufileHandles()).isLessThanOrEqualTo(256);
        }
    }

    @Test
    void aFileThatSomeoneElseReplacedIsOpenedAnew() throws IOException {
        try (StorageBackend backend = open("true")) {
            put(backend, LARGE_KEY, LARGE);
            assertHolds(backend, LARGE_KEY, backend.allocator());
            Path file = onlyChunkFile();
            Path copy = Files.copy(file, root.resolve("copy"));
            flipByteAt(copy, 4096);
            Files.move(copy, file, StandardCopyOption.ATOMIC_MOVE);
            assertThat(await(backend.get(LARGE_KEY, backend.allocator())))
                    .as("the replacement is corrupt")
                    .isEmpty();
            assertThat(counter(backend, BackendCounter.CORRUPT)).isOne();
        }
    }

    @Test
    void aFileThatSomeoneElseRemovedIsAMiss() throws IOException {
        try (StorageBackend backend = open("true")) {
            put(backend, LARGE_KEY, LARGE);
            assertHolds(backend, LARGE_KEY, backend.allocator());
            Files.delete(onlyChunkFile());
            assertThat(await(backend.get(LARGE_KEY, backend.allocator()))).isEmpty();
            assertThat(StandIns.cufileHandles()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"true", "false"})
    void aFlippedByteGoesToQuarantineOnEveryPath(String useCufile) throws IOException {
        try (StorageBackend backend = open(useCufile)) {
            put(backend, LARGE_KEY, LARGE);
            flipByteAt(onlyChunkFile(), 4096 + LARGE.byteSize() - 1);
            assertThat(await(backend.get(LARGE_KEY, backend.allocator()))).isEmpty();
            assertThat(counter(backend, BackendCounter.CORRUPT)).isOne();
            assertThat(await(backend.containsPrefix(List.of(LARGE_KEY)))).isZero();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "auto, lmcache_0_3_2, true",
        "auto, lmcache_0_3_2, false",
        "auto, lmcache_0_5, true",
        "auto, lmcache_0_5, false",
        "false, lmcache_0_5, true",
        "false, lmcache_0_5, false"
    })
    void filesOfLmcacheMoveOnEveryPath(String useCufile, String format, String checksum) throws IOException {
        settings.put("file_format", format);
        settings.put("file_checksum", checksum);
        try (StorageBackend backend = open(useCufile)) {
            assertThat(put(backend, LARGE_KEY, LARGE)).isEqualTo(PutOutcome.stored());
            assertHolds(backend, LARGE_KEY, backend.allocator());
            Path file = onlyChunkFile();
            Path metadata = file.resolveSibling(file.getFileName() + ".metadata");
            byte[] bytes = Files.readAllBytes(file);
            assertThat(bytes).hasSize(4096 + (int) LARGE.byteSize());
            assertThat(metadata).hasBinaryContent(Arrays.copyOf(bytes, 4096));

            // Somebody replaces it by half of it.
            Files.delete(file);
            Files.write(file, Arrays.copyOf(bytes, bytes.length - 1));
            assertThat(await(backend.get(LARGE_KEY, backend.allocator()))).isEmpty();
            assertThat(counter(backend, BackendCounter.CORRUPT)).isOne();
            assertThat(file).doesNotExist();
            assertThat(metadata).doesNotExist();
        }
    }

    private static void flipByteAt(Path file, long offset) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer value = ByteBuffer.allocate(1);
            channel.read(value, offset);
            channel.write(ByteBuffer.wrap(new byte[] {(byte) ~value.get(0)}), offset);
        }
    }

    // Settings and discovery

    @Test
    void theProviderIsFoundByName() {
        assertThat(ServiceLoader.load(StorageBackendProvider.class))
                .filteredOn(provider -> provider.name().equals("gds"))
                .hasExactlyElementsOfTypes(GdsBackendProvider.class);
    }

    @ParameterizedTest
    @CsvSource({
        "allocation_attempt_delay_secs, soon",
        "allocation_attempt_delay_secs, -1",
        "max_alloc_attempts, 0",
        "sharding, by_moon",
        "io_threads, 0"
    })
    void aBadSettingIsNamed(String name, String value) {
        settings.put(name, value);
        assertThatThrownBy(() -> open("auto"))
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_CONFIGURATION))
                .hasMessageContaining(name)
                .hasMessageContaining(value);
    }

    private static String logOf(Runnable action) {
        PrintStream before = System.err;
        ByteArrayOutputStream log = new ByteArrayOutputStream();
        System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
        try {
            action.run();
        } finally {
            System.setErr(before);
        }
        return log.toString(StandardCharsets.UTF_8);
    }
}
