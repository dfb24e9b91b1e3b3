package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.cuda.kernel.EmulatedKernels;
import io.lmcache.cuda.standin.StandIns;
import io.lmcache.server.Shape.Sizes;
import io.lmcache.server.protocol.CudaIpc;
import io.lmcache.server.protocol.Region;
import io.lmcache.server.protocol.RegisterKvCacheRequest;
import io.lmcache.server.protocol.RetrieveResponse;
import io.lmcache.server.protocol.UnregisterKvCacheRequest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** An engine whose KV cache is GPU memory, exported by CUDA IPC, on a stand-in of the driver. */
@ExtendWith(StandIns.class)
class CudaIpcEngineTest {
    private static final byte WIPED = 0x5a;
    private static final Sizes SIZES = new Sizes(3, 30, 16, 2, 8);
    private static final int[] PROMPT = IntStream.range(0, 200).toArray();
    private static final int[] FROM = IntStream.range(0, 13).toArray();
    private static final int[] TO = IntStream.range(14, 27).map(i -> 40 - i).toArray();

    @TempDir
    private Path directory;

    private LmcacheStack cache;
    private CacheServer server;

    @BeforeEach
    void startServer() throws Exception {
        StandIns.emulateKernels(EmulatedKernels.load());
        cache = Lmcache.open(LmcacheConfig.of(Map.of("max_local_cpu_size", "64 MiB", "chunk_size", 64)));
        server = CacheServer.start(
                cache,
                new ServerOptions(
                        directory.resolve("run").resolve("s.sock"), Optional.empty(), Duration.ofSeconds(5), "test"));
    }

    @AfterEach
    void endServer() {
        server.close();
        cache.close();
    }

    private TestClient connect() {
        return TestClient.connect(directory.resolve("run").resolve("s.sock"));
    }

    private static RegisterKvCacheRequest.Builder registration(TestEngine stack) {
        byte[] handle = Arrays.copyOf(String.valueOf(stack.file().getFileName()).getBytes(StandardCharsets.UTF_8), 64);
        byte[] uuid = new byte[16];
        Arrays.fill(uuid, (byte) 0xa0);
        RegisterKvCacheRequest.Builder request = stack.registration(0, 1);
        return request.setRegions(
                0,
                Region.newBuilder()
                        .setCudaIpc(CudaIpc.newBuilder()
                                .setHandle(ByteString.copyFrom(handle))
                                .setDeviceUuid(ByteString.copyFrom(uuid))
                                .setSize(stack.memory().byteSize())));
    }

    @ParameterizedTest
    @EnumSource
    void whatWasStoredComesBackAsFarAsItIsWanted(Shape shape) throws Exception {
        try (TestClient client = connect();
                TestEngine stack = new TestEngine(client, shape, SIZES, "e")) {
            stack.register(registration(stack).build());
            stack.compute(7, PROMPT.length, FROM);
            assertThat(stack.store(PROMPT, FROM).getStoredTokens()).isEqualTo(200);
            // Chunks end at 64, 128 and 192: whole ones, and parts of one or two.
            for (int[] wanted : new int[][] {{0, 200}, {0, 199}, {70, 100}, {63, 129}, {16, 64}}) {
                stack.wipe(WIPED);
                RetrieveResponse retrieved = client.calls()
                        .retrieve(stack.retrieving(PROMPT, TO)
                                .setFirstToken(wanted[0])
                                .setEndToken(wanted[1])
                                .build());
                assertThat(retrieved.getTokens()).isEqualTo(wanted[1]);
                stack.requireOnly(7, wanted[0], wanted[1], TO, WIPED);
            }
        }
        ServerProcess.await("the engine's memory is unmapped", () -> StandIns.importedBytes() == 0);
    }

    @Test
    void unregisteringUnmapsTheMemory() throws Exception {
        try (TestClient client = connect();
                TestEngine stack = new TestEngine(client, Shape.KEYS_FIRST_NHD, SIZES, "e")) {
            stack.register(registration(stack).build());
            assertThat(StandIns.importedBytes()).isEqualTo(stack.memory().byteSize());
            var _ = client.calls()
                    .unregisterKvCache(UnregisterKvCacheRequest.newBuilder()
                            .setSessionId(client.sessionId())
                            .setKvCacheId(stack.cacheId())
                            .build());
            assertThat(StandIns.importedBytes()).isZero();
        }
    }

    @Test
    void memoryThatCannotBeMappedIsRefusedAndNothingStays() throws Exception {
        try (TestClient client = connect();
                TestEngine stack = new TestEngine(client, Shape.KEYS_FIRST_NHD, SIZES, "e")) {
            RegisterKvCacheRequest.Builder unknownHandle = registration(stack);
            ipc(unknownHandle).setHandle(ByteString.copyFrom(new byte[64]));
            assertThat(Reasons.of(() -> stack.register(unknownHandle.build()))).isEqualTo("BAD_REGION");
            RegisterKvCacheRequest.Builder longHandle = registration(stack);
            ipc(longHandle).setHandle(ByteString.copyFrom(new byte[66]));
            assertThat(Reasons.of(() -> stack.register(longHandle.build()))).isEqualTo("BAD_ARGUMENT");
            RegisterKvCacheRequest.Builder tooLong = registration(stack);
            ipc(tooLong).setSize(stack.memory().byteSize() + 1);
            assertThat(Reasons.of(() -> stack.register(tooLong.build()))).isEqualTo("BAD_REGION");
            RegisterKvCacheRequest.Builder unknownDevice = registration(stack);
            ipc(unknownDevice).setDeviceUuid(ByteString.copyFrom(new byte[16]));
            assertThat(Reasons.of(() -> stack.register(unknownDevice.build()))).isEqualTo("NO_DEVICE");
            assertThat(StandIns.importedBytes()).isZero();
        }
    }

    /** The manual's configuration: no host tier, chunks in the memory that is registered with cuFile. */
    @Test
    void chunksInDeviceMemoryAreScatteredAsFarAsTheyAreWanted() throws Exception {
        Map<String, Object> settings = Map.of(
                "local_cpu",
                false,
                "gds_path",
                directory.resolve("files").toString(),
                "cufile_buffer_size",
                8,
                "chunk_size",
                64);
        ServerOptions options = new ServerOptions(
                directory.resolve("gds").resolve("s.sock"), Optional.empty(), Duration.ofSeconds(5), "test");
        try (LmcacheStack gds = Lmcache.open(LmcacheConfig.of(settings));
                CacheServer gdsServer = CacheServer.start(gds, options);
                TestClient client = TestClient.connect(options.socket());
                TestEngine stack = new TestEngine(client, Shape.BLOCKS_FIRST_HND, SIZES, "e")) {
            assertThat(gdsServer.tiers()).containsExactly("gds");
            stack.register(registration(stack).build());
            stack.compute(9, PROMPT.length, FROM);
            assertThat(stack.store(PROMPT, FROM).getStoredTokens()).isEqualTo(200);
            ServerProcess.await("all of it is in files", () -> client.lookup("e", PROMPT) == 200);
            for (int[] wanted : new int[][] {{0, 199}, {70, 100}, {63, 129}}) {
                stack.wipe(WIPED);
                RetrieveResponse retrieved = client.calls()
                        .retrieve(stack.retrieving(PROMPT, TO)
                                .setFirstToken(wanted[0])
                                .setEndToken(wanted[1])
                                .build());
                assertThat(retrieved.getTokens()).isEqualTo(wanted[1]);
                stack.requireOnly(9, wanted[0], wanted[1], TO, WIPED);
            }
            assertThat(StandIns.count("cuMemcpyDtoDAsync"))
                    .as("parts of chunks that were in device memory")
                    .isPositive();
        }
    }

    private static CudaIpc.Builder ipc(RegisterKvCacheRequest.Builder request) {
        return request.getRegionsBuilder(0).getCudaIpcBuilder();
    }
}
