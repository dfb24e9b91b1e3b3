package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.server.Shape.Sizes;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A prompt whose messages are longer than the four megabytes that gRPC takes unless told otherwise. */
@Tag("slow")
class LongPromptTest {
    private static final int TOKENS = 1_050_000;
    private static final byte WIPED = 0x5a;
    /** The smallest KV there is. */
    private static final Sizes SIZES = new Sizes(1, 16_500, 64, 1, 1);

    @TempDir
    private Path directory;

    @Test
    void aPromptOfAMillionTokensComesAndGoes() throws Exception {
        int[] prompt = IntStream.range(0, TOKENS).toArray();
        int[] blocks =
                IntStream.range(0, Math.ceilDiv(TOKENS, SIZES.blockSize())).toArray();
        try (ServerProcess server = ServerProcess.start(directory, Map.of("LMCACHE_CHUNK_SIZE", "256"));
                TestClient client = TestClient.connect(server.socket());
                TestEngine engine = new TestEngine(client, Shape.LATENT, SIZES, "e").register(0, 1)) {
            engine.compute(1, TOKENS, blocks);
            assertThat(engine.store(prompt, blocks).getStoredTokens()).isEqualTo(TOKENS);
            assertThat(client.pin("e", "request", prompt)).isEqualTo(TOKENS);
            engine.wipe(WIPED);
            assertThat(client.calls()
                            .retrieve(engine.retrieving(prompt, blocks).build())
                            .getTokens())
                    .isEqualTo(TOKENS);
            engine.requireOnly(1, 0, TOKENS, blocks, WIPED);
        }
    }
}
