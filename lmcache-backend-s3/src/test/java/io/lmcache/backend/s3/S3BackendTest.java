package io.lmcache.backend.s3;

import static io.lmcache.backend.s3.S3Fixture.await;
import static io.lmcache.backend.s3.S3Fixture.counter;
import static io.lmcache.backend.s3.S3Fixture.eventually;
import static io.lmcache.backend.s3.S3Fixture.holds;
import static io.lmcache.backend.s3.S3Fixture.open;
import static io.lmcache.backend.s3.S3Fixture.prefix;
import static io.lmcache.backend.s3.S3Fixture.put;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.spi.ChunkHeader;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.testkit.TcpProxy;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the contract does not say: the store's own state, its failures, and what comes of them. */
class S3BackendTest {
    private static final ChunkKey KEY = TestChunks.key(1);
    /** A chunk of 32 MiB, in several parts. */
    private static final KvLayout LARGE_LAYOUT = KvLayout.kv(KvDtype.BFLOAT16, 32, 8, 128);

    private static final ChunkMeta LARGE = new ChunkMeta(LARGE_LAYOUT, 256);
    private static final ChunkKey LARGE_KEY = TestChunks.key(KeyScope.of("secret-model", LARGE_LAYOUT), 1);
    private static final ChunkNames NAMES = new ChunkNames("test/");

    @TempDir
    private static Path folder;

    private static S3ProxyProcess server;

    @BeforeAll
    static void start() {
        server = S3ProxyProcess.start(folder);
    }

    @AfterAll
    static void stop() {
        if (server != null) {
            server.close();
        }
    }

    @BeforeEach
    void empty() throws IOException {
        Files.createDirectories(server.object("test"));
        try (Stream<Path> objects = Files.list(server.object("test"))) {
            for (Path object : objects.toList()) {
                Files.delete(object);
            }
        }
    }

    private static Path objectOf(ChunkKey key) {
        return server.object(NAMES.of(key));
    }

    @Test
    void aChunkOfSeveralPartsComesBack() throws IOException {
        try (StorageBackend backend = open(server)) {
            assertThat(put(backend, LARGE_KEY, LARGE)).isEqualTo(PutOutcome.stored());
            assertThat(Files.size(objectOf(LARGE_KEY))).isEqualTo((32 << 20) + ChunkHeader.BYTES);
            assertThat(holds(backend, LARGE_KEY)).isTrue();
            assertThat(counter(backend, "bytes_read")).isEqualTo(32 << 20);
        }
        try (StorageBackend fresh = open(server)) {
            assertThat(holds(fresh, LARGE_KEY)).isTrue();
        }
    }

    @Test
    void namesTellNoModelAndNoTenant() throws IOException {
        ChunkKey key = new ChunkKey(KEY.scope().withTags(Map.of("tenant", "acme")), KEY.hash());
        try (StorageBackend backend = open(server)) {
            put(backend, key);
        }
        try (Stream<Path> objects = Files.list(server.object("test"))) {
            assertThat(objects.map(object -> object.getFileName().toString()))
                    .containsExactly(key.hash().hex() + "-" + key.scope().digest() + ".safetensors");
        }
    }

    @Test
    void clearLeavesWhatIsNoChunk() throws IOException {
        Path other = Files.writeString(server.object("test").resolve("notes.txt"), "mine");
        try (StorageBackend backend = open(server)) {
            put(backend, KEY);
            backend.clear();
            assertThat(holds(backend, KEY)).isFalse();
        }
        assertThat(other).hasContent("mine");
    }

    @Test
    void payloadComesOverTheHeapWhereNothingElseIsPossible() throws IOException {
        S3Settings settings = S3Settings.from(S3Fixture.settings(server.endpoint(), server), Map.of());
        try (StorageBackend backend = new S3Backend(settings, Optional.empty())) {
            put(backend, LARGE_KEY, LARGE);
            assertThat(holds(backend, LARGE_KEY)).isTrue();
            put(backend, KEY);
            assertThat(holds(backend, KEY)).isTrue();
        }
    }

    @Test
    void whatOneInstanceStoresIsAHitOfAnother() throws IOException {
        try (StorageBackend one = open(server);
                StorageBackend other = open(server)) {
            List<ChunkKey> keys = TestChunks.keys(20);
            assertThat(prefix(other, keys)).isZero();
            for (ChunkKey key : keys) {
                put(one, key);
            }
            assertThat(prefix(other, keys)).isEqualTo(20);
            for (ChunkKey key : keys) {
                assertThat(holds(other, key)).isTrue();
                assertThat(put(other, key)).isEqualTo(PutOutcome.alreadyPresent());
            }
        }
    }

    // What is not a chunk

    @Test
    void aTruncatedObjectIsAMissAndMakesWay() throws IOException {
        try (StorageBackend backend = open(server)) {
            put(backend, LARGE_KEY, LARGE);
            for (int bytes :
                    new int[] {0, 1, ChunkHeader.BYTES - 1, ChunkHeader.BYTES, ChunkHeader.BYTES + 1, 20 << 20}) {
                truncate(objectOf(LARGE_KEY), bytes);
                assertThat(holds(backend, LARGE_KEY)).as("%s bytes", bytes).isFalse();
                assertThat(put(backend, LARGE_KEY, LARGE)).as("%s bytes", bytes).isEqualTo(PutOutcome.stored());
            }
            assertThat(counter(backend, "corrupt")).isEqualTo(6);
            assertThat(holds(backend, LARGE_KEY)).isTrue();
        }
    }

    private static void truncate(Path object, long bytes) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(object.toFile(), "rw")) {
            file.setLength(bytes);
        }
    }

    @Test
    void aForeignObjectEndsAPrefixAndIsOverwritten() throws IOException {
        try (StorageBackend backend = open(server)) {
            Files.writeString(objectOf(KEY), "x".repeat(100_000));
            assertThat(prefix(backend, List.of(KEY))).isZero();
            assertThat(put(backend, KEY)).isEqualTo(PutOutcome.stored());
            assertThat(holds(backend, KEY)).isTrue();
        }
    }

    @Test
    void theObjectOfAnotherChunkIsAMiss() throws IOException {
        ChunkKey other = TestChunks.key(2);
        try (StorageBackend backend = open(server);
                StorageBackend fresh = open(server)) {
            for (StorageBackend reader : List.of(backend, fresh)) {
                put(backend, KEY);
                put(backend, other);
                Files.write(objectOf(other), Files.readAllBytes(objectOf(KEY)));
                assertThat(holds(reader, other)).isFalse();
                assertThat(holds(reader, KEY)).isTrue();
                assertThat(counter(reader, "corrupt")).isEqualTo(1);
            }
        }
    }

    @Test
    void oneFlippedByteIsAMissForWhoReadsItAnew() throws IOException {
        for (long offset : new long[] {0, 4095, 4096, 4096 + TestChunks.META.byteSize() - 1}) {
            try (StorageBackend writer = open(server);
                    StorageBackend reader = open(server)) {
                put(writer, KEY);
                flip(objectOf(KEY), offset);
                assertThat(holds(reader, KEY)).as("offset %s", offset).isFalse();
                assertThat(counter(reader, "corrupt")).isEqualTo(1);
                assertThat(objectOf(KEY)).doesNotExist();
            }
        }
    }

    private static void flip(Path object, long offset) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(object.toFile(), "rw")) {
            file.seek(offset);
            int before = file.read();
            file.seek(offset);
            file.write(before + 1);
        }
    }

    @Test
    void anInstanceStaysWithinItsOwnLimit() throws IOException {
        try (StorageBackend backend = open(server, "max_size", "1 MiB")) {
            for (ChunkKey key : TestChunks.keys(64)) {
                assertThat(put(backend, key)).isEqualTo(PutOutcome.stored());
            }
            try (Stream<Path> objects = Files.list(server.object("test"))) {
                assertThat(objects).hasSize(15);
            }
            assertThat(counter(backend, "evicted")).isEqualTo(49);
        }
    }

    // A server that is absent, silent or cut off

    @Test
    void aServerMayComeLaterAndGoAndComeBack(@TempDir Path its) throws IOException {
        int port = S3ProxyProcess.freePort();
        try (StorageBackend backend = open("http://127.0.0.1:" + port, server)) {
            assertThatThrownBy(() -> holds(backend, KEY)).isInstanceOf(IOException.class);
            assertThatThrownBy(() -> put(backend, KEY)).isInstanceOf(IOException.class);
            try (S3ProxyProcess late = S3ProxyProcess.start(port, its)) {
                eventually("a put succeeds", () -> put(backend, KEY) instanceof PutOutcome.Stored);
                eventually("a get succeeds", () -> holds(backend, KEY));
                late.kill();
                assertThatThrownBy(() -> holds(backend, KEY)).isInstanceOf(IOException.class);
                late.restart();
                eventually("a get succeeds", () -> holds(backend, KEY));
            }
        }
    }

    @Test
    void aServerThatIsSilentFailsWhatWaitsForItAndServesAgainWhenItGoesOn() throws IOException {
        try (StorageBackend backend = open(server, "timeout_secs", "2")) {
            put(backend, KEY);
            assertThat(holds(backend, KEY)).isTrue();
            server.stall();
            try {
                long began = System.nanoTime();
                CompletableFuture<?> get = backend.get(KEY, backend.allocator());
                CompletableFuture<?> lookup = backend.containsPrefix(TestChunks.keys(100));
                assertThatThrownBy(() -> await(get)).isInstanceOf(IOException.class);
                assertThatThrownBy(() -> await(lookup)).isInstanceOf(IOException.class);
                assertThatThrownBy(() -> put(backend, LARGE_KEY, LARGE)).isInstanceOf(IOException.class);
                assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(30));
                eventually("the memory comes back", () -> backend.allocator().usedBytes() == 0);
            } finally {
                server.goOn();
            }
            eventually("a get succeeds", () -> holds(backend, KEY));
        }
    }

    @Test
    void aConnectionCutInTheMiddleOfAnAnswerIsTriedAgainOrFailsTheGetAndNothingElse() throws IOException {
        try (TcpProxy proxy = new TcpProxy(server.port());
                StorageBackend backend = open(proxy.url("http"), server)) {
            put(backend, LARGE_KEY, LARGE);
            for (long bytes : new long[] {10, 5000, 1 << 20, 20 << 20}) {
                proxy.cutAfterReply(bytes);
                eventually("a get succeeds", () -> holds(backend, LARGE_KEY));
                eventually("the memory comes back", () -> backend.allocator().usedBytes() == 0);
            }
            assertThat(counter(backend, "corrupt")).isZero();
        }
    }

    @Test
    void aConnectionCutInTheMiddleOfAWriteLeavesNothingHalf() throws IOException {
        try (TcpProxy proxy = new TcpProxy(server.port());
                StorageBackend backend = open(proxy.url("http"), server);
                StorageBackend reader = open(server)) {
            for (long bytes : new long[] {200, 5000, 1 << 20, 20 << 20}) {
                proxy.cutAfterRequest(bytes);
                boolean isStored;
                try {
                    isStored = put(backend, LARGE_KEY, LARGE) instanceof PutOutcome.Stored;
                } catch (IOException e) {
                    isStored = false;
                }
                eventually("the memory comes back", () -> backend.allocator().usedBytes() == 0);
                assertThat(holds(reader, LARGE_KEY)).as("%s bytes", bytes).isEqualTo(isStored);
                assertThat(counter(reader, "corrupt")).isZero();
                Files.deleteIfExists(objectOf(LARGE_KEY));
            }
            eventually("a put succeeds", () -> put(backend, LARGE_KEY, LARGE) instanceof PutOutcome.Stored);
            assertThat(holds(backend, LARGE_KEY)).isTrue();
        }
    }

    @Test
    void aLongWayIsNoFailure() throws IOException {
        try (TcpProxy proxy = new TcpProxy(server.port());
                StorageBackend backend = open(proxy.url("http"), server, "timeout_secs", "60")) {
            proxy.delay(5);
            assertThat(put(backend, LARGE_KEY, LARGE)).isEqualTo(PutOutcome.stored());
            assertThat(holds(backend, LARGE_KEY)).isTrue();
        }
    }

    @Test
    void closingEndsWhatHangs() throws IOException {
        StorageBackend backend = open(server, "timeout_secs", "3600");
        put(backend, KEY);
        server.stall();
        try {
            CompletableFuture<?> hangs = backend.get(KEY, backend.allocator());
            backend.close();
            boolean hasEnded = await(hangs.handle((_, _) -> true));
            assertThat(hasEnded).isTrue();
        } finally {
            server.goOn();
        }
    }

    // Who one is for the server

    @Test
    void wrongCredentialsAreAFailureThatSaysWhatToDoAndTellsNoSecret() throws IOException {
        try (StorageBackend backend = open(server, "profile", "stranger")) {
            assertThatThrownBy(() -> holds(backend, KEY))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("403 SignatureDoesNotMatch")
                    .hasMessageContaining("s3:GetObject")
                    .message()
                    .doesNotContain("credential\n", "wrong-credential");
        }
    }

    @Test
    void aBucketThatIsNotThereIsAFailureAndNoMiss() throws IOException {
        try (StorageBackend backend = open(server, "remote_url", "s3://no-such-bucket/test")) {
            assertThatThrownBy(() -> holds(backend, KEY))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("404 NoSuchBucket; make the bucket");
        }
    }

    @Test
    void theDoctorTriesTheBucketOutAndLeavesNothingBehind() throws IOException {
        Path other = Files.writeString(server.object("test").resolve("notes.txt"), "mine");
        assertThat(diagnosis()).allMatch(finding -> finding.status() == Finding.Status.OK, "is OK");
        try (Stream<Path> objects = Files.list(server.object("test"))) {
            assertThat(objects).containsExactly(other);
        }
        assertThat(diagnosis("profile", "stranger")).anySatisfy(finding -> {
            assertThat(finding.status()).isEqualTo(Finding.Status.FAILURE);
            assertThat(finding.text()).contains("403 SignatureDoesNotMatch");
        });
    }

    private static List<Finding> diagnosis(String... settings) {
        return new S3BackendProvider()
                .diagnose(S3Fixture.settings(server.endpoint(), server, settings), S3Fixture.CONTEXT);
    }
}
