package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.grpc.StatusRuntimeException;
import io.lmcache.server.Reasons.Call;
import io.lmcache.server.Shape.Sizes;
import io.lmcache.server.protocol.CudaIpc;
import io.lmcache.server.protocol.Dtype;
import io.lmcache.server.protocol.LookupRequest;
import io.lmcache.server.protocol.Region;
import io.lmcache.server.protocol.RegisterKvCacheRequest;
import io.lmcache.server.protocol.RetrieveResponse;
import io.lmcache.server.protocol.SharedMemory;
import io.lmcache.server.protocol.StoreResponse;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever a client gets wrong, it is told what, nothing of the server is lost, and the next call works. */
class BadInputTest {
    private static final Sizes SIZES = new Sizes(2, 32, 16, 2, 8);
    private static final int[] PROMPT = IntStream.range(0, 256).toArray();
    private static final int[] BLOCKS = IntStream.range(0, 16).toArray();

    @TempDir
    private static Path directory;

    private static ServerProcess server;

    private TestClient client;
    private TestEngine engine;

    @BeforeAll
    static void startServer() throws Exception {
        server = ServerProcess.start(directory, Map.of());
    }

    @AfterAll
    static void endServer() {
        server.close();
    }

    @BeforeEach
    void connect() throws Exception {
        client = TestClient.connect(server.socket());
        engine = new TestEngine(client, Shape.KEYS_FIRST_NHD, SIZES, "e");
    }

    @AfterEach
    void theSameClientStillCanStoreAndRetrieve() throws Exception {
        try (TestClient _ = client;
                TestEngine _ = engine) {
            engine.register(0, 1);
            engine.compute(1, 256, BLOCKS);
            var _ = engine.store(PROMPT, BLOCKS);
            engine.wipe((byte) 9);
            assertThat(client.calls()
                            .retrieve(engine.retrieving(PROMPT, BLOCKS).build())
                            .getTokens())
                    .isEqualTo(256);
            engine.requireOnly(1, 0, 256, BLOCKS, (byte) 9);
            client.endSession();
        }
        try (TestClient observer = TestClient.connect(server.socket())) {
            ServerProcess.await("its session is closed", () -> observer.stats().getSessions() == 1);
            assertThat(observer.stats().getMappedBytes()).isZero();
            assertThat(server.mappedSharedMemory()).isEmpty();
        }
    }

    private static void requireRefused(String status, String reason, String words, Call call) throws Exception {
        StatusRuntimeException failure = Reasons.failure(call);
        assertThat(failure.getStatus().getCode().name()).as("%s", failure).isEqualTo(status);
        assertThat(Reasons.of(() -> {
                    throw failure;
                }))
                .as("%s", failure)
                .isEqualTo(reason);
        assertThat(failure).hasMessageContaining(words);
    }

    private void requireRegistrationRefused(
            String status, String reason, String words, Consumer<RegisterKvCacheRequest.Builder> mistake)
            throws Exception {
        RegisterKvCacheRequest.Builder request = engine.registration(0, 1);
        mistake.accept(request);
        requireRefused(status, reason, words, () -> engine.register(request.build()));
        assertThat(client.stats().getKvCaches()).isZero();
        assertThat(server.mappedSharedMemory()).isEmpty();
    }

    @Test
    void anotherVersionOfTheProtocol() throws Exception {
        requireRefused(
                "FAILED_PRECONDITION",
                "VERSION_MISMATCH",
                "version 7",
                () -> client.open(7).next());
    }

    @Test
    void anUnknownSession() throws Exception {
        requireRefused(
                "NOT_FOUND",
                "UNKNOWN_SESSION",
                "open a new one",
                () -> client.calls()
                        .store(engine.storing(PROMPT, BLOCKS)
                                .setSessionId(ByteString.copyFromUtf8("sixteen bytes id"))
                                .build()));
    }

    @Test
    void anUnknownRegistration() throws Exception {
        requireRefused("NOT_FOUND", "UNKNOWN_KV_CACHE", "register first", () -> engine.store(PROMPT, BLOCKS));
        requireRefused("NOT_FOUND", "UNKNOWN_ENGINE", "'e'", () -> client.lookup("e", PROMPT));
    }

    @Test
    void registrationsThatMakeNoSense() throws Exception {
        requireRegistrationRefused("INVALID_ARGUMENT", "BAD_ARGUMENT", "engine_id", r -> r.setEngineId(""));
        requireRegistrationRefused("INVALID_ARGUMENT", "BAD_ARGUMENT", "model", r -> r.setModel(""));
        requireRegistrationRefused("INVALID_ARGUMENT", "BAD_ARGUMENT", "rank is 1", r -> r.setRank(1));
        requireRegistrationRefused(
                "INVALID_ARGUMENT", "BAD_ARGUMENT", "dtype", r -> r.setDtype(Dtype.DTYPE_UNSPECIFIED));
        requireRegistrationRefused("INVALID_ARGUMENT", "BAD_ARGUMENT", "0 blocks", r -> r.setBlocks(0));
        requireRegistrationRefused("INVALID_ARGUMENT", "BAD_ARGUMENT", "kv_heads", r -> r.setLatent(true));
        requireRegistrationRefused("INVALID_ARGUMENT", "BAD_ARGUMENT", "layers", r -> r.clearLayers());
        requireRegistrationRefused("INVALID_ARGUMENT", "BAD_ARGUMENT", "headSize", r -> r.setHeadSize(-1));
        requireRegistrationRefused(
                "INVALID_ARGUMENT",
                "BAD_ARGUMENT",
                "region 1",
                r -> r.getLayersBuilder(1).setRegion(1));
        requireRegistrationRefused(
                "INVALID_ARGUMENT",
                "BAD_ARGUMENT",
                "of 2 kinds",
                r -> r.addRegions(
                        Region.newBuilder().setCudaIpc(CudaIpc.newBuilder().setSize(1 << 20))));
    }

    @Test
    void stridesThatOverlapOrReachBeyondTheRegion() throws Exception {
        requireRegistrationRefused(
                "INVALID_ARGUMENT",
                "BAD_LAYOUT",
                "slot stride",
                r -> r.getLayersBuilder(0).setSlotStride(8));
        requireRegistrationRefused(
                "INVALID_ARGUMENT",
                "BAD_LAYOUT",
                "too large",
                r -> r.getLayersBuilder(0).setBlockStride(Long.MAX_VALUE / 4));
        requireRegistrationRefused(
                "FAILED_PRECONDITION",
                "BAD_REGION",
                "Layer 1 takes",
                r -> r.getLayersBuilder(1).setOffset(engine.memory().byteSize() - 100));
        requireRegistrationRefused(
                "FAILED_PRECONDITION",
                "BAD_REGION",
                "Layer 0 takes",
                r -> r.getLayersBuilder(0).setOffset(-8));
    }

    @Test
    void memoryThatIsNotThereOrTooSmallOrNoPlainFile() throws Exception {
        requireRegistrationRefused(
                "FAILED_PRECONDITION", "BAD_REGION", "is not there", r -> name(r, "lmcache-test-no"));
        requireRegistrationRefused("INVALID_ARGUMENT", "BAD_ARGUMENT", "no name", r -> name(r, "../../etc/passwd"));
        requireRegistrationRefused(
                "FAILED_PRECONDITION",
                "BAD_REGION",
                "were registered",
                r -> size(r, engine.memory().byteSize() + 1));
        Path link =
                Path.of("/dev/shm/lmcache-test-link-" + ProcessHandle.current().pid());
        Files.createSymbolicLink(link, engine.file());
        try {
            requireRegistrationRefused(
                    "FAILED_PRECONDITION",
                    "BAD_REGION",
                    "cannot be mapped",
                    r -> name(r, String.valueOf(link.getFileName())));
        } finally {
            Files.delete(link);
        }
    }

    private static void name(RegisterKvCacheRequest.Builder request, String name) {
        memory(request).setName(name);
    }

    private static void size(RegisterKvCacheRequest.Builder request, long size) {
        memory(request).setSize(size);
    }

    private static SharedMemory.Builder memory(RegisterKvCacheRequest.Builder request) {
        return request.getRegionsBuilder(0).getSharedMemoryBuilder();
    }

    @Test
    void memoryOfAGpuWhereThereIsNone() throws Exception {
        requireRegistrationRefused(
                "FAILED_PRECONDITION",
                "NO_DEVICE",
                "GPU",
                r -> r.getRegionsBuilder(0)
                        .setCudaIpc(CudaIpc.newBuilder()
                                .setHandle(ByteString.copyFrom(new byte[64]))
                                .setDeviceUuid(ByteString.copyFrom(new byte[16]))
                                .setSize(1 << 20)));
    }

    @Test
    void tokensAndBlocksThatDoNotFitTogether() throws Exception {
        engine.register(0, 1);
        requireRefused(
                "INVALID_ARGUMENT",
                "BAD_ARGUMENT",
                "15 entries",
                () -> engine.store(PROMPT, IntStream.range(0, 15).toArray()));
        requireRefused(
                "INVALID_ARGUMENT",
                "BAD_ARGUMENT",
                "entries 0 to 31",
                () -> engine.store(PROMPT, IntStream.range(17, 33).toArray()));
        requireRefused(
                "INVALID_ARGUMENT",
                "BAD_ARGUMENT",
                "3 bytes",
                () -> client.calls()
                        .store(engine.storing(PROMPT, BLOCKS)
                                .setTokens(ByteString.copyFrom(new byte[3]))
                                .build()));
        requireRefused("INVALID_ARGUMENT", "BAD_ARGUMENT", "negative", () -> engine.store(new int[] {-1}, BLOCKS));
        requireRefused(
                "INVALID_ARGUMENT",
                "BAD_ARGUMENT",
                "end_token 257",
                () -> client.calls()
                        .retrieve(engine.retrieving(PROMPT, BLOCKS)
                                .setEndToken(257)
                                .build()));
        requireRefused(
                "INVALID_ARGUMENT",
                "BAD_ARGUMENT",
                "first_token is 9",
                () -> client.calls()
                        .retrieve(engine.retrieving(PROMPT, BLOCKS)
                                .setFirstToken(9)
                                .setEndToken(8)
                                .build()));
        requireRefused(
                "INVALID_ARGUMENT",
                "BAD_ARGUMENT",
                "2048",
                () -> client.calls()
                        .lookup(LookupRequest.newBuilder()
                                .setSessionId(client.sessionId())
                                .setEngineId("e")
                                .putTags("salt", "x".repeat(4096))
                                .build()));
        endSessionAndStartAnew();
    }

    @Test
    void whatIsNotCachedIsReportedBlockByBlock() throws Exception {
        engine.register(0, 1);
        int[] other = IntStream.range(5_000, 5_256).toArray();
        int[] half = IntStream.range(5_000, 5_128).toArray();
        engine.compute(1, 256, BLOCKS);
        var _ = engine.store(half, BLOCKS);
        engine.wipe((byte) 3);
        RetrieveResponse response = client.calls()
                .retrieve(engine.retrieving(other, BLOCKS).setEndToken(250).build());
        assertThat(response.getTokens()).isEqualTo(128);
        assertThat(Packed.ints("failed", response.getFailedBlockIds()))
                .containsExactly(IntStream.range(8, 16).toArray());
        engine.requireOnly(1, 0, 128, BLOCKS, (byte) 3);
        endSessionAndStartAnew();
    }

    @Test
    void aDeadlineThatIsOverTouchesNothing() throws Exception {
        engine.register(0, 1);
        int[] other = IntStream.range(9_000, 9_256).toArray();
        engine.compute(1, 256, BLOCKS);
        long past = System.nanoTime() - 1;
        requireRefused(
                "DEADLINE_EXCEEDED",
                "DEADLINE",
                "over",
                () -> client.calls()
                        .store(engine.storing(other, BLOCKS).setDeadline(past).build()));
        assertThat(client.lookup("e", other)).isZero();
        StoreResponse stored = client.calls()
                .store(engine.storing(other, BLOCKS)
                        .setDeadline(System.nanoTime() + 60_000_000_000L)
                        .build());
        assertThat(stored.getStoredTokens()).isEqualTo(256);
        engine.wipe((byte) 4);
        requireRefused(
                "DEADLINE_EXCEEDED",
                "DEADLINE",
                "over",
                () -> client.calls()
                        .retrieve(engine.retrieving(other, BLOCKS)
                                .setDeadline(past)
                                .build()));
        engine.requireOnly(1, 0, 0, BLOCKS, (byte) 4);
        endSessionAndStartAnew();
    }

    @Test
    void aDeadlineOfAnotherClockIsAnError() throws Exception {
        engine.register(0, 1);
        long wallClock = 1_000_000 * System.currentTimeMillis();
        for (long wrong : new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE, wallClock}) {
            requireRefused(
                    "INVALID_ARGUMENT",
                    "BAD_ARGUMENT",
                    "CLOCK_MONOTONIC",
                    () -> client.calls()
                            .store(engine.storing(PROMPT, BLOCKS)
                                    .setDeadline(wrong)
                                    .build()));
        }
    }

    @Test
    void aLongNameDoesNotBreakTheErrorThatNamesIt() throws Exception {
        String longName = "\u00e9".repeat(100_000);
        requireRefused("NOT_FOUND", "UNKNOWN_ENGINE", "No rank of engine", () -> client.lookup(longName, PROMPT));
    }

    @Test
    void ranksThatDoNotAgreeOnTheirNumber() throws Exception {
        engine.register(0, 1);
        long first = engine.cacheId();
        engine.register(1, 2);
        requireRefused("INVALID_ARGUMENT", "BAD_ARGUMENT", "do not agree", () -> client.lookup("e", PROMPT));
        assertThat(first).isNotEqualTo(engine.cacheId());
        endSessionAndStartAnew();
    }

    @Test
    void memoryThatShrinksUnderTheServerFailsTheCallAndNotTheServer() throws Exception {
        engine.register(0, 1);
        int[] other = IntStream.range(20_000, 20_256).toArray();
        try (FileChannel file = FileChannel.open(engine.file(), StandardOpenOption.WRITE)) {
            var _ = file.truncate(4096);
        }
        requireRefused("FAILED_PRECONDITION", "BAD_REGION", "Shared memory", () -> engine.store(other, BLOCKS));
        assertThat(client.lookup("e", other)).as("nothing of it is cached").isZero();
        endSessionAndStartAnew();
    }

    private void endSessionAndStartAnew() throws Exception {
        client.endSession();
        ServerProcess.await("the session has ended", () -> client.stats().getSessions() == 0);
        client.close();
        engine.close();
        connect();
    }
}
