package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.server.Shape.Sizes;
import io.lmcache.server.protocol.RetrieveResponse;
import io.lmcache.server.protocol.StoreResponse;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** An engine without a GPU stores and retrieves through a server process, bit for bit. */
class SharedMemoryEngineTest {
    private static final byte WIPED = 0x5a;

    @TempDir
    private static Path directory;

    private static ServerProcess server;

    private final long seed = System.nanoTime();
    private final Random random = new Random(seed);

    @BeforeAll
    static void startServer() throws Exception {
        server = ServerProcess.start(directory, Map.of());
    }

    @AfterAll
    static void endServer() throws Exception {
        server.close();
    }

    private int[] tokens(int count) {
        return random.ints(count, 0, 128_000).toArray();
    }

    /** Blocks in an order of their own. */
    private int[] blocks(int count, int of) {
        List<Integer> all = IntStream.range(0, of).boxed().collect(Collectors.toList());
        Collections.shuffle(all, random);
        return all.stream().limit(count).mapToInt(Integer::intValue).toArray();
    }

    @ParameterizedTest
    @EnumSource
    void whatWasStoredComesBackIntoOtherBlocks(Shape shape) throws Exception {
        // Block sizes that divide a chunk of 64, that do not, and that are larger than it.
        for (int blockSize : new int[] {16, 24, 100}) {
            Sizes sizes = new Sizes(3, 400 / blockSize + 4, blockSize, 2, 8);
            try (TestClient client = TestClient.connect(server.socket());
                    TestEngine engine = new TestEngine(client, shape, sizes, "engine").register(0, 1)) {
                int[] prompt = tokens(200);
                int count = Math.ceilDiv(prompt.length, blockSize);
                int[] from = blocks(count, sizes.blocks());
                engine.wipe((byte) 0);
                engine.compute(seed, prompt.length, from);
                StoreResponse stored = engine.store(prompt, from);
                assertThat(stored.getStoredTokens()).as("seed %d", seed).isEqualTo(200);
                assertThat(client.lookup("engine", prompt)).isEqualTo(200);
                engine.wipe(WIPED);
                int[] to = blocks(count, sizes.blocks());
                RetrieveResponse retrieved =
                        client.calls().retrieve(engine.retrieving(prompt, to).build());
                assertThat(retrieved.getTokens()).isEqualTo(200);
                assertThat(retrieved.getFailedBlockIds().isEmpty()).isTrue();
                engine.requireOnly(seed, 0, 200, to, WIPED);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void onlyTheWantedTokensAreWritten(Shape shape) throws Exception {
        Sizes sizes = new Sizes(2, 30, 16, 3, 4);
        try (TestClient client = TestClient.connect(server.socket());
                TestEngine engine = new TestEngine(client, shape, sizes, "engine").register(0, 1)) {
            int[] prompt = tokens(200);
            int[] blocks = blocks(13, sizes.blocks());
            engine.compute(seed, prompt.length, blocks);
            engine.store(prompt, blocks);
            // Chunks end at 64 and 128: these begin and end in the middle of one, and of a block.
            for (int[] wanted : new int[][] {{0, 199}, {70, 100}, {16, 64}, {63, 129}, {199, 200}}) {
                engine.wipe(WIPED);
                RetrieveResponse retrieved = client.calls()
                        .retrieve(engine.retrieving(prompt, blocks)
                                .setFirstToken(wanted[0])
                                .setEndToken(wanted[1])
                                .build());
                assertThat(retrieved.getTokens()).as("seed %d", seed).isEqualTo(wanted[1]);
                engine.requireOnly(seed, wanted[0], wanted[1], blocks, WIPED);
            }
        }
    }

    @Test
    void blocksBeforeTheFirstTokenAreNotLookedAt() throws Exception {
        Sizes sizes = new Sizes(2, 30, 16, 2, 8);
        try (TestClient client = TestClient.connect(server.socket());
                TestEngine engine = new TestEngine(client, Shape.KEYS_FIRST_NHD, sizes, "engine").register(0, 1)) {
            int[] prompt = tokens(128);
            int[] blocks = blocks(8, sizes.blocks());
            engine.compute(seed, prompt.length, blocks);
            engine.store(prompt, blocks);
            engine.wipe(WIPED);
            int[] holes = blocks.clone();
            holes[0] = -1;
            holes[1] = 1_000_000;
            RetrieveResponse retrieved = client.calls()
                    .retrieve(engine.retrieving(prompt, holes).setFirstToken(32).build());
            assertThat(retrieved.getTokens()).isEqualTo(128);
            engine.requireOnly(seed, 32, 128, blocks, WIPED);
        }
    }
}
