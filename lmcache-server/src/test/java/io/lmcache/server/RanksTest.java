package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.server.Shape.Sizes;
import io.lmcache.server.protocol.ClearRequest;
import io.lmcache.server.protocol.LookupRequest;
import io.lmcache.server.protocol.PrefetchRequest;
import io.lmcache.server.protocol.RegisterKvCacheRequest;
import io.lmcache.server.protocol.ReleasePinsRequest;
import io.lmcache.server.protocol.RetrieveResponse;
import io.lmcache.server.protocol.StoreResponse;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Several ranks, several tenants, and the scheduler that looks up for all of them. */
@Tag("slow")
class RanksTest {
    private static final Sizes SIZES = new Sizes(2, 32, 16, 2, 8);
    private static final byte WIPED = 0x33;

    @TempDir
    private static Path directory;

    private static ServerProcess server;
    private TestClient scheduler;
    private TestClient worker;
    private TestClient otherWorker;

    @BeforeAll
    static void startServer() throws Exception {
        server = start(directory);
    }

    private static ServerProcess start(Path directory) throws Exception {
        return ServerProcess.start(
                directory, Map.of("LMCACHE_GDS_PATH", directory.resolve("files").toString()));
    }

    @AfterAll
    static void endServer() {
        server.close();
    }

    @BeforeEach
    void connect() {
        scheduler = TestClient.connect(server.socket());
        worker = TestClient.connect(server.socket());
        otherWorker = TestClient.connect(server.socket());
    }

    @AfterEach
    void leaveNothing() {
        worker.close();
        otherWorker.close();
        ServerProcess.await(
                "the workers' sessions have ended", () -> scheduler.stats().getSessions() == 1);
        var _ = scheduler
                .calls()
                .releasePins(ReleasePinsRequest.newBuilder()
                        .setSessionId(scheduler.sessionId())
                        .addPinIds("request 1")
                        .build());
        var _ = scheduler
                .calls()
                .clear(ClearRequest.newBuilder()
                        .setSessionId(scheduler.sessionId())
                        .build());
        scheduler.endSession();
        ServerProcess.await("no session is left", () -> scheduler.stats().getSessions() == 0);
        scheduler.close();
    }

    private static int[] range(int from, int to) {
        return IntStream.range(from, to).toArray();
    }

    @Test
    void aPromptIsAsLongAsTheRankThatHasLeastOfIt() throws Exception {
        int[] prompt = range(0, 256);
        int[] blocks = range(0, 16);
        try (TestEngine first = engine(worker).register(0, 2)) {
            assertThat(Reasons.of(() -> scheduler.lookup("e", prompt))).isEqualTo("RANKS_MISSING");
            try (TestEngine second = engine(otherWorker).register(1, 2)) {
                first.compute(1, 256, blocks);
                second.compute(2, 256, blocks);
                first.store(prompt, blocks);
                assertThat(scheduler.lookup("e", prompt)).isZero();
                second.store(Arrays.copyOf(prompt, 128), Arrays.copyOf(blocks, 8));
                assertThat(scheduler.lookup("e", prompt)).isEqualTo(128);
                second.store(prompt, blocks);
                assertThat(scheduler.lookup("e", prompt)).isEqualTo(256);
                first.wipe(WIPED);
                second.wipe(WIPED);
                assertThat(retrieve(worker, first, prompt, blocks).getTokens()).isEqualTo(256);
                assertThat(retrieve(otherWorker, second, prompt, blocks).getTokens())
                        .isEqualTo(256);
                first.requireOnly(1, 0, 256, blocks, WIPED);
                second.requireOnly(2, 0, 256, blocks, WIPED);
            }
            otherWorker.endSession();
            ServerProcess.await(
                    "the second rank is gone", () -> scheduler.stats().getKvCaches() == 1);
            assertThat(Reasons.of(() -> scheduler.lookup("e", prompt))).isEqualTo("RANKS_MISSING");
        }
    }

    private static TestEngine engine(TestClient client) throws Exception {
        return new TestEngine(client, Shape.KEYS_FIRST_NHD, SIZES, "e");
    }

    private static RetrieveResponse retrieve(TestClient client, TestEngine engine, int[] prompt, int[] blocks) {
        return client.calls().retrieve(engine.retrieving(prompt, blocks).build());
    }

    @Test
    void ranksThatHoldTheSameShareOneCopy() throws Exception {
        int[] prompt = range(0, 128);
        int[] blocks = range(0, 8);
        try (TestEngine first = new TestEngine(worker, Shape.LATENT, SIZES, "e");
                TestEngine second = new TestEngine(otherWorker, Shape.LATENT, SIZES, "e")) {
            first.register(first.registration(0, 2).setReplicated(true).build());
            second.register(second.registration(1, 2).setReplicated(true).build());
            first.compute(1, 128, blocks);
            first.store(prompt, blocks);
            assertThat(scheduler.lookup("e", prompt)).isEqualTo(128);
            second.wipe(WIPED);
            assertThat(retrieve(otherWorker, second, prompt, blocks).getTokens())
                    .isEqualTo(128);
            second.requireOnly(1, 0, 128, blocks, WIPED);
            StoreResponse again = second.store(prompt, blocks);
            assertThat(again.getStoredTokens()).isZero();
            assertThat(again.getPresentTokens()).isEqualTo(128);
        }
    }

    @Test
    void tagsOfARequestKeepItsKvApart() throws Exception {
        int[] prompt = range(0, 64);
        int[] blocks = range(0, 4);
        try (TestEngine engine = engine(worker).register(0, 1)) {
            var _ = worker.calls()
                    .store(engine.storing(prompt, blocks).putTags("salt", "a").build());
            assertThat(scheduler.lookup("e", prompt)).isZero();
            LookupRequest.Builder lookup = LookupRequest.newBuilder()
                    .setSessionId(scheduler.sessionId())
                    .setEngineId("e")
                    .setTokens(Packed.bytes(prompt));
            assertThat(scheduler
                            .calls()
                            .lookup(lookup.putTags("salt", "b").build())
                            .getTokens())
                    .isZero();
            assertThat(scheduler
                            .calls()
                            .lookup(lookup.putTags("salt", "a").build())
                            .getTokens())
                    .isEqualTo(64);
        }
    }

    @Test
    void twoEnginesOfOneModelShareTheirKv() throws Exception {
        int[] prompt = range(0, 64);
        int[] blocks = range(0, 4);
        try (TestEngine engine = engine(worker).register(0, 1);
                TestEngine other = new TestEngine(otherWorker, Shape.BLOCKS_FIRST_HND, SIZES, "other")) {
            RegisterKvCacheRequest sameModel = other.registration(0, 1)
                    .setModel(engine.registration(0, 1).getModel())
                    .build();
            other.register(sameModel);
            engine.compute(1, 64, blocks);
            engine.store(prompt, blocks);
            assertThat(scheduler.lookup("other", prompt)).isEqualTo(64);
            other.wipe(WIPED);
            assertThat(retrieve(otherWorker, other, prompt, blocks).getTokens()).isEqualTo(64);
            other.requireOnly(1, 0, 64, blocks, WIPED);
        }
    }

    @Test
    void pinsLastUntilTheyAreReleased() throws Exception {
        int[] prompt = range(0, 128);
        try (TestEngine engine = engine(worker).register(0, 1)) {
            engine.store(prompt, range(0, 8));
            assertThat(scheduler.pin("e", "request 1", prompt)).isEqualTo(128);
            assertThat(scheduler.pin("e", "request 1", prompt)).isEqualTo(128);
            assertThat(scheduler.stats().getPins()).isEqualTo(1);
            var _ = scheduler
                    .calls()
                    .releasePins(ReleasePinsRequest.newBuilder()
                            .setSessionId(scheduler.sessionId())
                            .addPinIds("request 1")
                            .addPinIds("never heard of")
                            .build());
            assertThat(scheduler.stats().getPins()).isZero();
        }
    }

    @Test
    void clearRemovesWhatIsNotPinnedFromEveryTier() throws Exception {
        int[] prompt = range(0, 128);
        ClearRequest clear =
                ClearRequest.newBuilder().setSessionId(scheduler.sessionId()).build();
        try (TestEngine engine = engine(worker).register(0, 1)) {
            engine.store(prompt, range(0, 8));
            ServerProcess.await("all chunks are in files", () -> chunks(scheduler, "posix") == 2);
            assertThat(scheduler.pin("e", "request 1", Arrays.copyOf(prompt, 64)))
                    .isEqualTo(64);
            var _ = scheduler.calls().clear(clear);
            assertThat(scheduler.lookup("e", prompt)).isEqualTo(64);
            var _ = scheduler
                    .calls()
                    .releasePins(ReleasePinsRequest.newBuilder()
                            .setSessionId(scheduler.sessionId())
                            .addPinIds("request 1")
                            .build());
            var _ = scheduler.calls().clear(clear);
            assertThat(scheduler.lookup("e", prompt)).isZero();
            assertThat(chunks(scheduler, "cpu")).isZero();
            assertThat(chunks(scheduler, "posix")).isZero();
        }
    }

    @Test
    void prefetchMovesAPromptToTheFastestTier(@TempDir Path own) throws Exception {
        int[] prompt = range(0, 256);
        try (ServerProcess before = start(own);
                TestClient client = TestClient.connect(before.socket());
                TestEngine engine = engine(client).register(0, 1)) {
            engine.store(prompt, range(0, 16));
            ServerProcess.await("all chunks are in files", () -> chunks(client, "posix") == 4);
        }
        try (ServerProcess again = start(own);
                TestClient client = TestClient.connect(again.socket());
                TestEngine engine = engine(client).register(0, 1)) {
            assertThat(engine.cacheId()).isEqualTo(1);
            var _ = client.calls()
                    .prefetch(PrefetchRequest.newBuilder()
                            .setSessionId(client.sessionId())
                            .setEngineId("e")
                            .setTokens(Packed.bytes(prompt))
                            .build());
            ServerProcess.await("the chunks are in host memory", () -> chunks(client, "cpu") == 4);
        }
    }

    private static long chunks(TestClient client, String tier) {
        return client.stats().getTiersList().stream()
                .filter(stats -> stats.getName().equals(tier))
                .mapToLong(stats -> stats.getChunks())
                .sum();
    }
}
