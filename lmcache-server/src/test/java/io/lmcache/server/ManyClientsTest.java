package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.server.Shape.Sizes;
import io.lmcache.server.protocol.LookupRequest;
import io.lmcache.server.protocol.StoreResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Many clients of one server: how long they wait, which is printed, and that none is refused for what another does. */
@Tag("slow")
class ManyClientsTest {
    private static final int TOKENS = 32_768;
    private static final int CLIENTS = 32;
    private static final int LOOKUPS = 60;
    private static final int WARM_UPS = 20;
    private static final int STORING_THREADS = 64;
    private static final int SMALL_STORES = 20;
    /** Of the storing client: 8 MiB a store. */
    private static final Sizes LARGE = new Sizes(8, 128, 16, 8, 128);
    private static final Sizes SMALL = new Sizes(1, 16, 16, 1, 8);

    @TempDir
    private Path directory;

    private ServerProcess start() throws Exception {
        return ServerProcess.start(
                directory,
                Map.of("LMCACHE_CHUNK_SIZE", "256", "LMCACHE_MAX_LOCAL_CPU_SIZE", "1 GiB", "JDK_JAVA_OPTIONS", ""));
    }

    @Test
    void thirtyTwoClientsLookUpLongPrompts() throws Exception {
        Sizes sizes = new Sizes(1, TOKENS / 16, 16, 1, 8);
        int[] prompt = IntStream.range(0, TOKENS).toArray();
        try (ServerProcess server = start();
                TestClient client = TestClient.connect(server.socket());
                TestEngine engine = new TestEngine(client, Shape.KEYS_FIRST_NHD, sizes, "e").register(0, 1);
                ExecutorService threads = Executors.newFixedThreadPool(CLIENTS)) {
            engine.store(prompt, IntStream.range(0, TOKENS / 16).toArray());
            List<TestClient> clients = new ArrayList<>();
            for (int i = 0; i < CLIENTS; i++) {
                clients.add(TestClient.connect(server.socket()));
            }
            List<Callable<double[]>> askers = new ArrayList<>();
            clients.forEach(asker -> askers.add(() -> lookUp(asker, LOOKUPS, prompt)));
            double[] millis = all(threads.invokeAll(askers));
            System.out.printf(
                    "%d clients, lookups of %d tokens: p50 %.1f ms, p99 %.1f ms%n",
                    CLIENTS, TOKENS, at(millis, 0.5), at(millis, 0.99));
            clients.forEach(TestClient::close);
        }
    }

    @Test
    void oneThatStoresLeavesRoomForAnother() throws Exception {
        try (ServerProcess server = start();
                TestClient greedy = TestClient.connect(server.socket());
                TestEngine large = new TestEngine(greedy, Shape.KEYS_FIRST_NHD, LARGE, "large").register(0, 1);
                TestClient client = TestClient.connect(server.socket());
                TestEngine small = new TestEngine(client, Shape.KEYS_FIRST_NHD, SMALL, "e").register(0, 1);
                ExecutorService threads = Executors.newFixedThreadPool(STORING_THREADS)) {
            AtomicBoolean end = new AtomicBoolean();
            AtomicInteger prompts = new AtomicInteger();
            int[] blocks = IntStream.range(0, LARGE.blocks()).toArray();
            for (int i = 0; i < STORING_THREADS; i++) {
                threads.execute(() -> {
                    while (!end.get()) {
                        int first = prompts.incrementAndGet();
                        int[] prompt = IntStream.range(first, first + LARGE.blocks() * LARGE.blockSize())
                                .toArray();
                        var _ = large.store(prompt, blocks);
                    }
                });
            }
            double[] lookups = lookUp(client, 200, IntStream.range(0, 256).toArray());
            int declined = 0;
            double[] stores = new double[SMALL_STORES];
            for (int i = 0; i < SMALL_STORES; i++) {
                int[] prompt = IntStream.range(i, i + 256).toArray();
                long start = System.nanoTime();
                StoreResponse stored = small.store(prompt, IntStream.range(0, 16).toArray());
                stores[i] = (System.nanoTime() - start) / 1e6;
                declined += stored.getDeclinedTokens() > 0 ? 1 : 0;
            }
            end.set(true);
            Arrays.sort(stores);
            System.out.printf(
                    "beside %d threads of another client that store 8 MiB each (%d stores): lookups p50 %.1f ms, p99 %.1f ms;"
                            + " small stores p50 %.1f ms, %d of %d declined%n",
                    STORING_THREADS,
                    prompts.get(),
                    at(lookups, 0.5),
                    at(lookups, 0.99),
                    at(stores, 0.5),
                    declined,
                    SMALL_STORES);
            assertThat(declined).as("small stores that were declined").isZero();
        }
    }

    private static double[] lookUp(TestClient client, int count, int... prompt) {
        LookupRequest request = LookupRequest.newBuilder()
                .setSessionId(client.sessionId())
                .setEngineId("e")
                .setTokens(Packed.bytes(prompt))
                .build();
        double[] millis = new double[count];
        for (int i = -WARM_UPS; i < count; i++) {
            long start = System.nanoTime();
            var _ = client.calls().lookup(request);
            millis[Math.max(i, 0)] = (System.nanoTime() - start) / 1e6;
        }
        Arrays.sort(millis);
        return millis;
    }

    private static double[] all(List<Future<double[]>> answers) throws Exception {
        List<double[]> parts = new ArrayList<>();
        for (Future<double[]> answer : answers) {
            parts.add(answer.get());
        }
        return parts.stream().flatMapToDouble(Arrays::stream).sorted().toArray();
    }

    private static double at(double[] sorted, double quantile) {
        return sorted[(int) Math.min(sorted.length - 1L, Math.round(quantile * sorted.length))];
    }
}
