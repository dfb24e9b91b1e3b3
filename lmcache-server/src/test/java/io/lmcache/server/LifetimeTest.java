package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.lmcache.server.Shape.Sizes;
import io.lmcache.server.protocol.HealthRequest;
import io.lmcache.server.protocol.HealthResponse;
import io.lmcache.server.protocol.SessionEvent;
import io.lmcache.server.protocol.StoreRequest;
import io.lmcache.server.protocol.UnregisterKvCacheRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a client holds ends with its session, what a server holds with its process; others go on. */
@Tag("slow")
class LifetimeTest {
    private static final Sizes SIZES = new Sizes(4, 64, 16, 2, 64);
    /** Few in every build; {@code -Dlmcache.test.killRounds=100} for the whole campaign. */
    private static final int KILLS = Integer.getInteger("lmcache.test.killRounds", 3);

    @TempDir
    private Path directory;

    private static int[] range(int from, int to) {
        return IntStream.range(from, to).toArray();
    }

    @Test
    void unregisteringUnmapsTheMemory() throws Exception {
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                TestClient client = TestClient.connect(server.socket());
                TestEngine engine = new TestEngine(client, Shape.KEYS_FIRST_NHD, SIZES, "e").register(0, 1)) {
            assertThat(server.mappedSharedMemory()).hasSize(1);
            assertThat(client.stats().getMappedBytes())
                    .isEqualTo(engine.memory().byteSize());
            var _ = client.calls()
                    .unregisterKvCache(UnregisterKvCacheRequest.newBuilder()
                            .setSessionId(client.sessionId())
                            .setKvCacheId(engine.cacheId())
                            .build());
            assertThat(server.mappedSharedMemory()).isEmpty();
            assertThat(client.stats().getKvCaches()).isZero();
        }
    }

    @Test
    void theEndOfASessionEndsItsRegistrationsAndPinsAndNoOthers() throws Exception {
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                TestClient stays = TestClient.connect(server.socket());
                TestEngine engine = new TestEngine(stays, Shape.KEYS_FIRST_NHD, SIZES, "stays").register(0, 1)) {
            int[] prompt = range(0, 256);
            engine.compute(1, prompt.length, range(0, 16));
            engine.store(prompt, range(0, 16));
            try (TestClient goes = TestClient.connect(server.socket());
                    TestEngine other = new TestEngine(goes, Shape.KEYS_FIRST_NHD, SIZES, "goes").register(0, 1)) {
                assertThat(goes.pin("goes", "a pin", prompt)).isEqualTo(256);
                assertThat(stays.stats().getPins()).isEqualTo(1);
                assertThat(server.mappedSharedMemory()).hasSize(2);
                goes.endSession();
                ServerProcess.await("the session has ended", () -> stays.stats().getSessions() == 1);
                assertThat(stays.stats().getPins()).isZero();
                assertThat(server.mappedSharedMemory()).hasSize(1);
                assertThatThrownBy(() -> other.store(prompt, range(0, 16)))
                        .hasMessageContaining("NOT_FOUND")
                        .hasMessageContaining("register again");
            }
            assertThat(stays.lookup("stays", prompt)).isEqualTo(256);
        }
    }

    @Test
    void aClientThatIsKilledWhileItStoresLeavesNothingBehind() throws Exception {
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                TestClient observer = TestClient.connect(server.socket());
                TestEngine engine = new TestEngine(observer, Shape.KEYS_FIRST_NHD, SIZES, "own").register(0, 1)) {
            for (int round = 0; round < KILLS; round++) {
                long before = observer.stats().getStoredTokens();
                Process client = StoringClient.start(server.socket(), round);
                try {
                    ServerProcess.await(
                            "the client stores",
                            () -> observer.stats().getKvCaches() == 2
                                    && observer.stats().getStoredTokens() > before);
                } finally {
                    StoringClient.kill(client);
                }
                ServerProcess.await(
                        "its session is closed", () -> observer.stats().getSessions() == 1);
                ServerProcess.await(
                        "its memory is unmapped",
                        () -> server.mappedSharedMemory().size() == 1);
                int[] prompt = range(round, round + 256);
                engine.compute(round, prompt.length, range(0, 16));
                engine.store(prompt, range(0, 16));
                engine.wipe((byte) 1);
                assertThat(observer.calls()
                                .retrieve(
                                        engine.retrieving(prompt, range(16, 32)).build())
                                .getTokens())
                        .as("after the client was killed in round %d", round)
                        .isEqualTo(256);
                engine.requireOnly(round, 0, 256, range(16, 32), (byte) 1);
            }
            server.terminate();
            // 143 as for any process that SIGTERM ends: closing found no lease open, or the log would say so.
            assertThat(server.awaitEnd()).isEqualTo(143);
            assertThat(server.err()).doesNotContain("lease");
        }
    }

    @Test
    void aServerThatIsTerminatedTellsItsClientsAndEndsItsFiles() throws Exception {
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                TestClient client = TestClient.connect(server.socket())) {
            assertThat(Files.getPosixFilePermissions(server.socket()))
                    .isEqualTo(PosixFilePermissions.fromString("rw-------"));
            assertThat(Files.getPosixFilePermissions(server.socket().getParent()))
                    .isEqualTo(PosixFilePermissions.fromString("rwx------"));
            server.terminate();
            assertThat(client.events().next().getEventCase()).isEqualTo(SessionEvent.EventCase.DRAINING);
            assertThat(client.events().hasNext()).isFalse();
            assertThat(server.awaitEnd()).isEqualTo(143);
            assertThat(server.socket()).doesNotExist();
            assertThat(server.err()).doesNotContain("WARN").doesNotContain("ERROR");
        }
    }

    @Test
    void storesUnderWayAreFinishedBeforeATerminatedServerEnds() throws Exception {
        Path files = Files.createDirectory(directory.resolve("files"));
        int[] prompt = range(0, 1024);
        Map<String, String> settings = Map.of("LMCACHE_GDS_PATH", files.toString());
        try (ServerProcess server = ServerProcess.start(directory, settings);
                TestClient client = TestClient.connect(server.socket());
                TestEngine engine = new TestEngine(client, Shape.KEYS_FIRST_NHD, SIZES, "e").register(0, 1)) {
            engine.compute(1, prompt.length, range(0, 64));
            engine.store(prompt, range(0, 64));
            server.terminate();
            server.awaitEnd();
        }
        try (ServerProcess server = ServerProcess.start(directory, settings);
                TestClient client = TestClient.connect(server.socket());
                TestEngine engine = new TestEngine(client, Shape.KEYS_FIRST_NHD, SIZES, "e").register(0, 1)) {
            assertThat(client.lookup("e", prompt)).isEqualTo(1024);
            assertThat(client.calls()
                            .retrieve(engine.retrieving(prompt, range(0, 64)).build())
                            .getTokens())
                    .isEqualTo(1024);
            engine.requireOnly(1, 0, 1024, range(0, 64), (byte) 0);
        }
    }

    @Test
    void aServerThatWasHeldUpKeepsNothingOfAStoreThatWasGivenUp() throws Exception {
        int[] prompt = range(0, 256);
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                TestClient client = TestClient.connect(server.socket());
                TestEngine engine = new TestEngine(client, Shape.KEYS_FIRST_NHD, SIZES, "e").register(0, 1)) {
            engine.compute(1, prompt.length, range(0, 16));
            StoreRequest store = engine.storing(prompt, range(0, 16))
                    .setDeadline(System.nanoTime() + Duration.ofMillis(200).toNanos())
                    .build();
            server.hold();
            assertThatThrownBy(() -> client.calls(Duration.ofMillis(400)).store(store))
                    .hasMessageContaining("DEADLINE_EXCEEDED");
            // What the engine does with blocks that it has given up.
            engine.compute(2, prompt.length, range(0, 16));
            server.goOn();
            assertThat(client.stats().getStoredTokens()).isZero();
            assertThat(client.lookup("e", prompt)).isZero();
            assertThat(engine.store(prompt, range(0, 16)).getStoredTokens()).isEqualTo(256);
        }
    }

    @Test
    void theSocketOfADeadServerIsReplaced() throws Exception {
        try (ServerProcess dead = ServerProcess.start(directory, Map.of())) {
            dead.kill();
            assertThat(dead.socket()).exists();
        }
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                TestClient client = TestClient.connect(server.socket())) {
            assertThat(client.calls().health(HealthRequest.getDefaultInstance()).getState())
                    .isEqualTo(HealthResponse.State.SERVING);
        }
    }

    @Test
    void aSecondServerOnTheSameSocketRefusesAndTheFirstGoesOn() throws Exception {
        try (ServerProcess first = ServerProcess.start(directory, Map.of());
                TestClient client = TestClient.connect(first.socket());
                ServerProcess second = ServerProcess.launch(directory, Map.of())) {
            assertThat(second.awaitEnd()).isNotZero();
            assertThat(second.err())
                    .contains("another server uses it, process " + first.pid())
                    .contains("name another socket");
            assertThat(client.stats().getSessions()).isEqualTo(1);
        }
    }

    @Test
    void aDirectoryThatOthersMayEnterIsRefused() throws Exception {
        Files.createDirectory(
                directory.resolve("run"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
        try (ServerProcess server = ServerProcess.launch(directory, Map.of())) {
            assertThat(server.awaitEnd()).isNotZero();
            assertThat(server.err()).contains("mode 700").contains("a directory of its own");
        }
    }

    @Test
    void afterARestartAClientIsToldToRegisterAgain() throws Exception {
        int[] prompt = range(0, 128);
        try (ServerProcess first = ServerProcess.start(directory, Map.of());
                TestClient client = TestClient.connect(first.socket());
                TestEngine engine = new TestEngine(client, Shape.KEYS_FIRST_NHD, SIZES, "e").register(0, 1)) {
            first.kill();
            assertThatThrownBy(() -> client.events().hasNext())
                    .isInstanceOf(StatusRuntimeException.class)
                    .hasMessageContaining(Status.Code.UNAVAILABLE.name());
            try (ServerProcess second = ServerProcess.start(directory, Map.of())) {
                assertThat(second.pid()).isNotEqualTo(first.pid());
                ServerProcess.await("the connection is made again", () -> reconnected(client));
                assertThatThrownBy(() -> engine.store(prompt, range(0, 8))).hasMessageContaining("open a new one");
            }
        }
    }

    private static boolean reconnected(TestClient client) {
        try {
            var _ = client.stats();
            return true;
        } catch (StatusRuntimeException e) {
            return false;
        }
    }
}
