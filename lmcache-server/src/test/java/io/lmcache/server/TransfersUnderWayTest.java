package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.util.concurrent.ListenableFuture;
import io.grpc.StatusRuntimeException;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.core.backend.BackendRegistry;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.server.Shape.Sizes;
import io.lmcache.server.protocol.HealthRequest;
import io.lmcache.server.protocol.HealthResponse;
import io.lmcache.server.protocol.RetrieveResponse;
import io.lmcache.server.protocol.SessionEvent;
import io.lmcache.server.protocol.UnregisterKvCacheRequest;
import io.lmcache.server.protocol.UnregisterKvCacheResponse;
import io.lmcache.testkit.FaultyBackend;
import io.lmcache.testkit.FaultyBackend.Operation;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What comes in the way of retrieves whose storage keeps them waiting. */
class TransfersUnderWayTest {
    private static final Sizes SIZES = new Sizes(2, 16, 16, 2, 8);
    private static final int[] PROMPT = IntStream.range(0, 64).toArray();
    private static final int[] FROM = {0, 1, 2, 3};
    private static final int[] TO = {8, 9, 10, 11};
    private static final byte WIPED = 0x5a;

    @TempDir
    private Path directory;

    private FaultyBackend tier;
    private LmcacheStack cache;
    private CacheServer server;
    private TestClient client;
    private TestEngine stack;

    @BeforeEach
    void storeOneChunk() throws Exception {
        start(Duration.ofSeconds(30));
    }

    private void start(Duration drainLimit) throws IOException {
        tier = new FaultyBackend(BackendRegistry.discover()
                .create(
                        "cpu",
                        "cpu",
                        BackendSettings.of("cpu", Map.of("capacity_bytes", "1048576")),
                        new BackendContext("test", Clock.systemUTC())));
        cache = LmcacheStack.builder().chunkSize(64).tier(tier).build();
        Path socket = directory.resolve("run").resolve("s.sock");
        server = CacheServer.start(cache, new ServerOptions(socket, Optional.empty(), drainLimit, "test"));
        client = TestClient.connect(socket);
        stack = new TestEngine(client, Shape.KEYS_FIRST_NHD, SIZES, "e").register(0, 1);
        stack.compute(1, PROMPT.length, FROM);
        assertThat(stack.store(PROMPT, FROM).getStoredTokens()).isEqualTo(64);
        stack.wipe(WIPED);
    }

    @AfterEach
    void end() throws Exception {
        tier.on(Operation.GET).release();
        stack.close();
        client.close();
        server.close();
        // Fails when a lease is open.
        cache.close();
    }

    private List<ListenableFuture<RetrieveResponse>> hangingRetrieves(int count) {
        tier.on(Operation.GET).hang(count);
        List<ListenableFuture<RetrieveResponse>> retrieves = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            retrieves.add(
                    client.startedCalls().retrieve(stack.retrieving(PROMPT, TO).build()));
        }
        ServerProcess.await(
                count + " retrieves wait", () -> tier.on(Operation.GET).hanging() == count);
        return retrieves;
    }

    private static <T> T answer(ListenableFuture<T> call) throws Exception {
        return call.get(30, TimeUnit.SECONDS);
    }

    private static String refusal(ListenableFuture<?> call) throws Exception {
        return Reasons.of(() -> {
            try {
                answer(call);
            } catch (ExecutionException e) {
                throw (StatusRuntimeException) e.getCause();
            }
        });
    }

    @Test
    void moreThanTheServerMakesAreRefusedAndOtherCallsAnswered() throws Exception {
        var retrieves = hangingRetrieves(Transfers.MAX_UNDER_WAY);
        for (int i = 0; i < 136; i++) {
            assertThat(refusal(client.startedCalls()
                            .retrieve(stack.retrieving(PROMPT, TO).build())))
                    .isEqualTo("BUSY");
        }
        assertThat(client.lookup("e", PROMPT)).isEqualTo(64);
        tier.on(Operation.GET).release();
        for (var retrieve : retrieves) {
            assertThat(answer(retrieve).getTokens()).isEqualTo(64);
        }
        stack.requireOnly(1, 0, 64, TO, WIPED);
        assertThat(answer(client.startedCalls()
                                .retrieve(stack.retrieving(PROMPT, TO).build()))
                        .getTokens())
                .isEqualTo(64);
    }

    @Test
    void aServerThatEndsFinishesThemAndRefusesNewOnes() throws Exception {
        var retrieve = hangingRetrieves(1).getFirst();
        CompletableFuture<Void> closing = CompletableFuture.runAsync(server::close);
        assertThat(client.events().next().getEventCase()).isEqualTo(SessionEvent.EventCase.DRAINING);
        assertThat(Reasons.of(() -> client.lookup("e", PROMPT))).isEqualTo("DRAINING");
        assertThat(client.calls().health(HealthRequest.getDefaultInstance()).getState())
                .isEqualTo(HealthResponse.State.DRAINING);
        assertThat(closing).isNotDone();
        tier.on(Operation.GET).release();
        assertThat(answer(retrieve).getTokens()).isEqualTo(64);
        closing.get(30, TimeUnit.SECONDS);
        stack.requireOnly(1, 0, 64, TO, WIPED);
    }

    @Test
    void aServerThatEndsWaitsNoLongerThanItWasTold() throws Exception {
        end();
        start(Duration.ofMillis(50));
        var retrieve = hangingRetrieves(1).getFirst();
        CompletableFuture.runAsync(server::close).get(20, TimeUnit.SECONDS);
        assertThatThrownBy(() -> answer(retrieve)).hasCauseInstanceOf(StatusRuntimeException.class);
        tier.on(Operation.GET).release();
        ServerProcess.await("the engine's memory is unmapped", () -> mappings() == 1);
        stack.requireOnly(1, 0, 0, TO, WIPED);
    }

    @Test
    void memoryOfASessionThatEndedStaysMappedUntilTheyAreDoneAndIsNotWritten() throws Exception {
        var _ = hangingRetrieves(1);
        try (TestClient observer = TestClient.connect(directory.resolve("run").resolve("s.sock"))) {
            client.endSession();
            ServerProcess.await("the session has ended", () -> observer.stats().getSessions() == 1);
            assertThat(mappings()).isEqualTo(2);
            tier.on(Operation.GET).release();
            ServerProcess.await("the engine's memory is unmapped", () -> mappings() == 1);
        }
        stack.requireOnly(1, 0, 0, TO, WIPED);
    }

    @Test
    void unregisteringWaitsForThem() throws Exception {
        var retrieve = hangingRetrieves(1).getFirst();
        ListenableFuture<UnregisterKvCacheResponse> unregistered = client.startedCalls()
                .unregisterKvCache(UnregisterKvCacheRequest.newBuilder()
                        .setSessionId(client.sessionId())
                        .setKvCacheId(stack.cacheId())
                        .build());
        ServerProcess.await(
                "the KV cache is on its way out", () -> client.stats().getKvCaches() == 0);
        assertThat(unregistered.isDone()).isFalse();
        assertThat(mappings()).isEqualTo(2);
        tier.on(Operation.GET).release();
        answer(unregistered);
        assertThat(mappings()).isEqualTo(1);
        assertThat(answer(retrieve).getTokens()).isZero();
        stack.requireOnly(1, 0, 0, TO, WIPED);
    }

    /** How often the engine's memory is mapped in this process, in which the engine lives, too. */
    private long mappings() {
        try {
            return Files.readString(Path.of("/proc/self/maps"))
                    .lines()
                    .filter(line -> line.endsWith(stack.file().toString()))
                    .count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
