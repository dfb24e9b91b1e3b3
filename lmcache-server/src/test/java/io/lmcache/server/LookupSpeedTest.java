package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lmcache.server.Shape.Sizes;
import io.lmcache.server.protocol.LookupRequest;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How long a scheduler waits for the answer about a long prompt, over the socket. */
@Tag("slow")
class LookupSpeedTest {
    private static final int TOKENS = 32_768;
    private static final int ROUNDS = 40;
    private static final int LOOKUPS = 100;
    private static final double MILLIS = 3;

    @TempDir
    private Path directory;

    @Test
    void aPromptOf32kTokensIsLookedUpWithinThreeMilliseconds() throws Exception {
        Sizes sizes = new Sizes(1, TOKENS / 16, 16, 1, 8);
        int[] prompt = IntStream.range(0, TOKENS).toArray();
        try (ServerProcess server =
                        ServerProcess.start(directory, Map.of("LMCACHE_CHUNK_SIZE", "256", "JDK_JAVA_OPTIONS", ""));
                TestClient client = TestClient.connect(server.socket());
                TestEngine engine = new TestEngine(client, Shape.KEYS_FIRST_NHD, sizes, "e").register(0, 1)) {
            engine.store(prompt, IntStream.range(0, TOKENS / 16).toArray());
            LookupRequest request = LookupRequest.newBuilder()
                    .setSessionId(client.sessionId())
                    .setEngineId("e")
                    .setTokens(Packed.bytes(prompt))
                    // As a scheduler asks that will have it retrieved.
                    .setPinId("request")
                    .build();
            assertThat(client.calls().lookup(request).getTokens()).isEqualTo(TOKENS);
            // The best round: a machine that is busy with other things, or code not compiled yet, makes others slower.
            double best = Double.MAX_VALUE;
            for (int round = 0; round < ROUNDS && best > MILLIS; round++) {
                best = Math.min(best, medianMillis(client, request));
            }
            System.out.printf("lookup of %d tokens over the socket: %.2f ms at the median%n", TOKENS, best);
            if (best > MILLIS) {
                requireQuietMachine(
                        client,
                        request.toBuilder().setTokens(Packed.bytes(new int[1])).build());
            }
            assertThat(best).as("milliseconds at the median").isLessThanOrEqualTo(MILLIS);
        }
    }

    /** Where a call that has nothing to look up takes long, no lookup can be fast. */
    private static void requireQuietMachine(TestClient client, LookupRequest empty) {
        double millis = medianMillis(client, empty);
        assumeTrue(millis < MILLIS / 4, "this machine is too busy to tell: an empty lookup takes " + millis + " ms");
    }

    private static double medianMillis(TestClient client, LookupRequest request) {
        long[] nanos = new long[LOOKUPS];
        for (int i = 0; i < LOOKUPS; i++) {
            long start = System.nanoTime();
            var _ = client.calls().lookup(request);
            nanos[i] = System.nanoTime() - start;
        }
        Arrays.sort(nanos);
        return nanos[LOOKUPS / 2] / 1e6;
    }
}
