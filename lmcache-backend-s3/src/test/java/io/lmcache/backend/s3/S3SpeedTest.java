package io.lmcache.backend.s3;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.ChunkHeader;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.crt.auth.credentials.CredentialsProvider;
import software.amazon.awssdk.crt.auth.credentials.ProfileCredentialsProvider;
import software.amazon.awssdk.crt.auth.signing.AwsSigningConfig;
import software.amazon.awssdk.crt.http.HttpHeader;
import software.amazon.awssdk.crt.http.HttpRequest;
import software.amazon.awssdk.crt.io.ClientBootstrap;
import software.amazon.awssdk.crt.io.EventLoopGroup;
import software.amazon.awssdk.crt.io.HostResolver;
import software.amazon.awssdk.crt.s3.S3Client;
import software.amazon.awssdk.crt.s3.S3ClientOptions;
import software.amazon.awssdk.crt.s3.S3FinishedResponseContext;
import software.amazon.awssdk.crt.s3.S3MetaRequest;
import software.amazon.awssdk.crt.s3.S3MetaRequestOptions;
import software.amazon.awssdk.crt.s3.S3MetaRequestResponseHandler;

/**
 * How fast chunks come from a bucket into host memory, checked, beside the bare client that writes the same objects to files in memory;
 * and what that leaves on the heap. Prints the medians; what it demands of the ratio is less than it should be, since a test runs on
 * machines that are busy.
 */
@Tag("slow")
class S3SpeedTest {
    private static final int ROUNDS = 7;
    private static final int IN_FLIGHT = 4;

    @TempDir
    private static Path folder;

    @Test
    void chunksComeAboutAsFastAsTheBareClientWritesFiles() throws IOException {
        try (S3ProxyProcess server = S3ProxyProcess.start(folder);
                BareClient bare = new BareClient(server);
                StorageBackend backend = S3Fixture.open(server, "staging_size", "256 MiB")) {
            assertThat(ratio(backend, bare, 24, 64)).isGreaterThan(0.4);
            assertThat(ratio(backend, bare, 512, 8)).isGreaterThan(0.4);
        }
    }

    private static double ratio(StorageBackend backend, BareClient bare, int hidden, int count) throws IOException {
        KvLayout layout = KvLayout.kv(KvDtype.BFLOAT16, 32, hidden / 8, 16);
        KeyScope scope = KeyScope.of("speed", layout);
        ChunkMeta meta = new ChunkMeta(layout, 256);
        List<ChunkKey> keys = IntStream.range(0, count)
                .mapToObj(number -> TestChunks.key(scope, number))
                .toList();
        for (ChunkKey key : keys) {
            assertThat(S3Fixture.put(backend, key, meta)).isEqualTo(PutOutcome.stored());
        }
        try (HostRegion region = new HostRegion(256 << 20);
                SlabAllocator memory = new SlabAllocator("tier", new HostBuffer(region.segment()), _ -> {})) {
            double[] ours = new double[ROUNDS];
            double[] theirs = new double[ROUNDS];
            long allocated = 0;
            for (int round = -1; round < ROUNDS; round++) {
                long before = allocatedBytes();
                double our = seconds(() -> inTurn(
                        keys,
                        key -> backend.get(key, memory)
                                .thenAccept(found -> found.ifPresentOrElse(StoredChunk::close, () -> {
                                    throw new AssertionError("a chunk is missing");
                                }))));
                allocated += allocatedBytes() - before;
                double their = seconds(() -> inTurn(keys, key -> bare.toFile(key, meta)));
                if (round >= 0) {
                    ours[round] = our;
                    theirs[round] = their;
                }
            }
            double bytes = (double) meta.byteSize() * count;
            double ratio = median(theirs) / median(ours);
            System.out.printf(
                    Locale.ROOT,
                    "get %d chunks of %.1f MiB: %.0f MiB/s, the bare client to files %.0f MiB/s, ratio %.2f; heap allocated %.1f"
                            + " KiB a chunk%n",
                    count,
                    meta.byteSize() / 1048576.0,
                    bytes / 1048576 / median(ours),
                    bytes / 1048576 / median(theirs),
                    ratio,
                    allocated / 1024.0 / count / (ROUNDS + 1));
            // Less than a tenth of the payload: what comes over the heap would be all of it.
            assertThat(allocated).isLessThan((long) (bytes * (ROUNDS + 1) / 10));
            return ratio;
        }
    }

    private static long allocatedBytes() {
        return ((com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean()).getTotalThreadAllocatedBytes();
    }

    private static double median(double[] seconds) {
        return Arrays.stream(seconds).sorted().toArray()[seconds.length / 2];
    }

    /** Something that takes time. */
    @FunctionalInterface
    private interface Work {
        void run() throws IOException;
    }

    private static double seconds(Work work) throws IOException {
        long start = System.nanoTime();
        work.run();
        return (System.nanoTime() - start) / 1e9;
    }

    /** Begins the transfer of a chunk. */
    @FunctionalInterface
    private interface Transfer {
        CompletableFuture<?> begin(ChunkKey key);
    }

    private static void inTurn(List<ChunkKey> keys, Transfer transfer) throws IOException {
        Queue<CompletableFuture<?>> underway = new ArrayDeque<>();
        for (ChunkKey key : keys) {
            if (underway.size() == IN_FLIGHT) {
                S3Fixture.await(underway.remove());
            }
            underway.add(transfer.begin(key));
        }
        for (CompletableFuture<?> last : underway) {
            S3Fixture.await(last);
        }
    }

    /** The client alone, set as the backend sets it, with a file in memory for each transfer under way. */
    private static final class BareClient implements AutoCloseable {
        private final URI endpoint;
        private final EventLoopGroup loops = new EventLoopGroup(1);
        private final HostResolver resolver = new HostResolver(loops);
        private final ClientBootstrap bootstrap = new ClientBootstrap(loops, resolver);
        private final CredentialsProvider credentials;
        private final AwsSigningConfig signing;
        private final S3Client client;
        private final ChunkNames names = new ChunkNames("test/");
        private final List<Path> files = new ArrayList<>();
        private int next;

        BareClient(S3ProxyProcess server) throws IOException {
            endpoint = URI.create(server.endpoint());
            credentials = ProfileCredentialsProvider.builder()
                    .withClientBootstrap(bootstrap)
                    .withCredentialsFileNameOverride(server.credentialsFile().toString())
                    .build();
            signing = AwsSigningConfig.getDefaultS3SigningConfig("us-east-1", credentials);
            client = new S3Client(new S3ClientOptions()
                    .withRegion("us-east-1")
                    .withClientBootstrap(bootstrap)
                    .withSigningConfig(signing)
                    .withPartSize(8 << 20)
                    .withMaxConnections(32));
            Path memory = Path.of("/dev/shm");
            for (int i = 0; i < IN_FLIGHT; i++) {
                files.add(Files.createTempFile(Files.isDirectory(memory) ? memory : folder, "lmcache-speed", ""));
            }
        }

        CompletableFuture<?> toFile(ChunkKey key, ChunkMeta meta) {
            CompletableFuture<Boolean> done = new CompletableFuture<>();
            HttpHeader[] headers = {
                new HttpHeader("Host", endpoint.getAuthority()),
                new HttpHeader("Range", "bytes=0-" + (ChunkHeader.BYTES + meta.byteSize() - 1))
            };
            S3MetaRequest request = client.makeMetaRequest(new S3MetaRequestOptions()
                    .withMetaRequestType(S3MetaRequestOptions.MetaRequestType.GET_OBJECT)
                    .withEndpoint(endpoint)
                    .withSigningConfig(signing)
                    .withHttpRequest(
                            new HttpRequest("GET", "/" + S3ProxyProcess.BUCKET + "/" + names.of(key), headers, null))
                    .withResponseFilePath(files.get(next++ % files.size()))
                    .withResponseHandler(new S3MetaRequestResponseHandler() {
                        @Override
                        public void onFinished(S3FinishedResponseContext context) {
                            if (context.getErrorCode() == 0) {
                                done.complete(true);
                            } else {
                                done.completeExceptionally(new IOException("error " + context.getErrorCode()));
                            }
                        }
                    }));
            return done.whenComplete((_, _) -> request.close());
        }

        @Override
        public void close() throws IOException {
            for (Path file : files) {
                Files.delete(file);
            }
            client.close();
            signing.close();
            credentials.close();
            bootstrap.close();
            resolver.close();
            loops.close();
        }
    }
}
