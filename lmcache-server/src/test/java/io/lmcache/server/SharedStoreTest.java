package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.backend.redis.RedisProcess;
import io.lmcache.server.Shape.Sizes;
import io.lmcache.server.protocol.RetrieveResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two servers with host tiers of their own, as on two machines, and one store that both reach. */
@Tag("slow")
class SharedStoreTest {
    private static final Sizes SIZES = new Sizes(3, 40, 16, 2, 8);
    private static final int[] PROMPT = IntStream.range(500, 956).toArray();
    private static final int[] BLOCKS = IntStream.range(0, 29).toArray();
    private static final byte WIPED = 0x5a;

    @TempDir
    private Path directory;

    @Test
    void whatOneServerStoresIsAHitOfTheOther() throws Exception {
        try (RedisProcess store = RedisProcess.start(Files.createDirectory(directory.resolve("store")));
                ServerProcess one = start("one", store);
                ServerProcess other = start("other", store)) {
            try (TestClient client = TestClient.connect(one.socket());
                    TestEngine engine = engine(client)) {
                engine.compute(7, PROMPT.length, BLOCKS);
                assertThat(engine.store(PROMPT, BLOCKS).getStoredTokens()).isEqualTo(PROMPT.length);
            }
            try (TestClient client = TestClient.connect(other.socket());
                    TestEngine engine = engine(client)) {
                // Stores are written behind the engine's back.
                ServerProcess.await("the other finds them", () -> client.lookup("engine", PROMPT) == PROMPT.length);
                engine.wipe(WIPED);
                RetrieveResponse retrieved = client.calls()
                        .retrieve(engine.retrieving(PROMPT, BLOCKS).build());
                assertThat(retrieved.getTokens()).isEqualTo(PROMPT.length);
                engine.requireOnly(7, 0, PROMPT.length, BLOCKS, WIPED);

                // Promoted into the host tier: found there with the store gone.
                store.kill();
                engine.wipe(WIPED);
                assertThat(client.calls()
                                .retrieve(engine.retrieving(PROMPT, BLOCKS).build())
                                .getTokens())
                        .isEqualTo(PROMPT.length);
                engine.requireOnly(7, 0, PROMPT.length, BLOCKS, WIPED);
            }
        }
    }

    private ServerProcess start(String name, RedisProcess store) throws Exception {
        return ServerProcess.start(
                Files.createDirectory(directory.resolve(name)), Map.of("LMCACHE_REMOTE_URL", store.url()));
    }

    private static TestEngine engine(TestClient client) throws Exception {
        return new TestEngine(client, Shape.KEYS_FIRST_NHD, SIZES, "engine").register(0, 1);
    }
}
