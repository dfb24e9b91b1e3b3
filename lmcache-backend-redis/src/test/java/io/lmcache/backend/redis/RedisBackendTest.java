package io.lmcache.backend.redis;

import static io.lmcache.backend.redis.RedisFixture.await;
import static io.lmcache.backend.redis.RedisFixture.counter;
import static io.lmcache.backend.redis.RedisFixture.eventually;
import static io.lmcache.backend.redis.RedisFixture.holds;
import static io.lmcache.backend.redis.RedisFixture.open;
import static io.lmcache.backend.redis.RedisFixture.prefix;
import static io.lmcache.backend.redis.RedisFixture.put;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.spi.ChunkHeader;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.testkit.TcpProxy;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the contract does not say: the store's own state, its failures, and what comes of them. */
class RedisBackendTest {
    private static final ChunkKey KEY = TestChunks.key(1);
    /** A chunk of 32 MiB, in many pieces. */
    private static final KvLayout LARGE_LAYOUT = KvLayout.kv(KvDtype.BFLOAT16, 32, 8, 128);

    private static final ChunkMeta LARGE = new ChunkMeta(LARGE_LAYOUT, 256);
    private static final ChunkKey LARGE_KEY = TestChunks.key(KeyScope.of("secret-model", LARGE_LAYOUT), 1);

    @TempDir
    private static Path folder;

    private static RedisProcess server;

    @BeforeAll
    static void start() {
        server = RedisProcess.start(folder);
    }

    @AfterAll
    static void stop() {
        if (server != null) {
            server.close();
        }
    }

    @BeforeEach
    void empty() {
        server.command("FLUSHALL");
        server.command("CONFIG", "SET", "maxmemory", "0");
        server.command("CONFIG", "SET", "maxmemory-policy", "noeviction");
    }

    private static String nameOf(ChunkKey key) {
        return new ChunkNames("lmcache").of(key);
    }

    @Test
    void aChunkOfManyPiecesComesBack() throws IOException {
        try (StorageBackend backend = open(server.url())) {
            assertThat(put(backend, LARGE_KEY, LARGE)).isEqualTo(PutOutcome.stored());
            assertThat(holds(backend, LARGE_KEY)).isTrue();
            assertThat(counter(backend, "bytes_read")).isEqualTo(32 << 20);
        }
    }

    @Test
    void namesTellNoModelAndNoTenant() throws IOException {
        ChunkKey key = new ChunkKey(KEY.scope().withTags(Map.of("tenant", "acme")), KEY.hash());
        try (StorageBackend backend = open(server.url())) {
            put(backend, key);
        }
        assertThat(server.command("KEYS", "*"))
                .contains("lmcache:" + key.hash().hex() + "-" + key.scope().digest())
                .doesNotContain("acme", "model", "test");
    }

    @Test
    void chunksUnderAnotherPrefixAreNotMet() throws IOException {
        try (StorageBackend one = open(server.url(), "key_prefix", "o*e");
                StorageBackend other = open(server.url(), "key_prefix", "one")) {
            put(one, KEY);
            put(other, KEY);
            one.clear();
            assertThat(holds(one, KEY)).isFalse();
            assertThat(holds(other, KEY)).isTrue();
        }
    }

    @Test
    void aTimeToLiveCountsFromTheLastUse() throws IOException {
        try (StorageBackend backend = open(server.url(), "ttl_secs", "1000")) {
            put(backend, KEY);
            assertThat(timeToLive(KEY)).isBetween(900_000L, 1_000_000L);
            server.command("PEXPIRE", nameOf(KEY), "60000");
            assertThat(holds(backend, KEY)).isTrue();
            eventually("the time to live is renewed", () -> timeToLive(KEY) > 900_000);
            server.command("PEXPIRE", nameOf(KEY), "1");
            eventually(
                    "the chunk expires",
                    () -> server.command("EXISTS", nameOf(KEY)).equals(":0\r\n"));
            assertThat(holds(backend, KEY)).isFalse();
            assertThat(put(backend, KEY)).isEqualTo(PutOutcome.stored());
        }
    }

    private static long timeToLive(ChunkKey key) {
        return Long.parseLong(server.command("PTTL", nameOf(key)).strip().substring(1));
    }

    // What is not a chunk

    @Test
    void aValueOfAnotherTypeIsAMissAndMakesWay() throws IOException {
        try (StorageBackend backend = open(server.url())) {
            server.command("HSET", nameOf(KEY), "a", "b");
            assertThat(prefix(backend, List.of(KEY))).isZero();
            assertThat(put(backend, KEY)).isEqualTo(PutOutcome.stored());
            assertThat(holds(backend, KEY)).isTrue();

            server.command("DEL", nameOf(KEY));
            server.command("HSET", nameOf(KEY), "a", "b");
            assertThat(holds(backend, KEY)).isFalse();
            assertThat(counter(backend, "corrupt")).isEqualTo(1);
            assertThat(server.command("EXISTS", nameOf(KEY))).isEqualTo(":0\r\n");
        }
    }

    @Test
    void aTruncatedValueIsAMissAndMakesWay() throws IOException {
        try (StorageBackend backend = open(server.url())) {
            put(backend, LARGE_KEY, LARGE);
            for (int bytes : new int[] {1, ChunkHeader.BYTES - 1, ChunkHeader.BYTES, ChunkHeader.BYTES + 1, 20 << 20}) {
                server.command(
                        "EVAL",
                        "redis.call('SET', KEYS[1], string.sub(redis.call('GET', KEYS[1]), 1, ARGV[1]))",
                        "1",
                        nameOf(LARGE_KEY),
                        Integer.toString(bytes));
                assertThat(holds(backend, LARGE_KEY)).as("%s bytes", bytes).isFalse();
                assertThat(put(backend, LARGE_KEY, LARGE)).as("%s bytes", bytes).isEqualTo(PutOutcome.stored());
            }
            assertThat(counter(backend, "corrupt")).isEqualTo(5);
        }
    }

    @Test
    void aValueTooShortForAChunkIsOverwritten() throws IOException {
        try (StorageBackend backend = open(server.url())) {
            server.command("SET", nameOf(KEY), "x");
            assertThat(prefix(backend, List.of(KEY))).isZero();
            assertThat(put(backend, KEY)).isEqualTo(PutOutcome.stored());
            assertThat(holds(backend, KEY)).isTrue();
        }
    }

    @Test
    void theValueOfAnotherChunkIsAMiss() throws IOException {
        ChunkKey other = TestChunks.key(2);
        try (StorageBackend backend = open(server.url())) {
            put(backend, KEY);
            put(backend, other);
            server.command("COPY", nameOf(KEY), nameOf(other), "REPLACE");
            assertThat(holds(backend, other)).isFalse();
            assertThat(holds(backend, KEY)).isTrue();
            assertThat(counter(backend, "corrupt")).isEqualTo(1);
        }
    }

    @Test
    void thePayloadOfAnotherChunkUnderTheRightHeaderIsAMiss() throws IOException {
        ChunkKey other = TestChunks.key(2);
        try (StorageBackend backend = open(server.url())) {
            put(backend, KEY);
            put(backend, other);
            server.command(
                    "EVAL",
                    "redis.call('SET', KEYS[1], string.sub(redis.call('GET', KEYS[1]), 1, 4096)"
                            + " .. string.sub(redis.call('GET', KEYS[2]), 4097))",
                    "2",
                    nameOf(other),
                    nameOf(KEY));
            assertThat(holds(backend, other)).isFalse();
            assertThat(counter(backend, "corrupt")).isEqualTo(1);
        }
    }

    @Test
    void oneFlippedByteIsAMiss() throws IOException {
        try (StorageBackend backend = open(server.url())) {
            put(backend, KEY);
            byte[] before =
                    server.command("GETRANGE", nameOf(KEY), "70000", "70000").getBytes(StandardCharsets.ISO_8859_1);
            assertThat(before).isNotEmpty();
            for (long offset : new long[] {0, 4095, 4096, 4096 + TestChunks.META.byteSize() - 1}) {
                server.command(
                        "EVAL",
                        "local b = string.byte(redis.call('GETRANGE', KEYS[1], ARGV[1], ARGV[1]));"
                                + " redis.call('SETRANGE', KEYS[1], ARGV[1], string.char((b + 1) % 256))",
                        "1",
                        nameOf(KEY),
                        Long.toString(offset));
                assertThat(holds(backend, KEY)).as("offset %s", offset).isFalse();
                assertThat(put(backend, KEY)).as("offset %s", offset).isEqualTo(PutOutcome.stored());
            }
        }
    }

    // Memory of the server

    @Test
    void aServerThatIsFullAndDoesNotEvictIsAReasonToDecline() throws IOException {
        try (StorageBackend backend = open(server.url())) {
            put(backend, KEY);
            server.command("CONFIG", "SET", "maxmemory", "1mb");
            assertThat(put(backend, TestChunks.key(2)))
                    .isInstanceOfSatisfying(
                            PutOutcome.Declined.class,
                            declined -> assertThat(declined.reason()).isEqualTo(DeclineReason.FULL));
            assertThat(holds(backend, KEY)).isTrue();
        }
    }

    @Test
    void whatTheServerEvictsIsAMiss() throws IOException {
        server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
        server.command("CONFIG", "SET", "maxmemory", "12mb");
        try (StorageBackend backend = open(server.url())) {
            List<ChunkKey> keys = TestChunks.keys(400);
            for (ChunkKey key : keys) {
                assertThat(put(backend, key)).isEqualTo(PutOutcome.stored());
            }
            int found = 0;
            for (ChunkKey key : keys) {
                found += holds(backend, key) ? 1 : 0;
            }
            assertThat(found).isBetween(1, 399);
            assertThat(counter(backend, "corrupt")).isZero();
        }
    }

    @Test
    void aChunkBeyondTheServersLongestValueIsDeclined() throws IOException {
        server.command("CONFIG", "SET", "proto-max-bulk-len", "1mb");
        try (StorageBackend backend = open(server.url())) {
            assertThat(put(backend, LARGE_KEY, LARGE))
                    .isInstanceOfSatisfying(
                            PutOutcome.Declined.class,
                            declined -> assertThat(declined.reason()).isEqualTo(DeclineReason.TOO_LARGE));
            assertThat(put(backend, KEY)).isEqualTo(PutOutcome.stored());
        } finally {
            server.command("CONFIG", "SET", "proto-max-bulk-len", "512mb");
        }
    }

    @Test
    void anInstanceStaysWithinItsOwnLimit() throws IOException {
        try (StorageBackend backend = open(server.url(), "max_size", "1 MiB")) {
            for (ChunkKey key : TestChunks.keys(64)) {
                assertThat(put(backend, key)).isEqualTo(PutOutcome.stored());
            }
            assertThat(server.command("DBSIZE")).isEqualTo(":15\r\n");
            assertThat(counter(backend, "evicted")).isEqualTo(49);
        }
    }

    // A server that is absent, silent or cut off

    @Test
    void aServerMayComeLaterAndGoAndComeBack(@TempDir Path its) throws IOException {
        int port = RedisProcess.freePort();
        try (StorageBackend backend = open("redis://127.0.0.1:" + port)) {
            assertThatThrownBy(() -> holds(backend, KEY)).isInstanceOf(IOException.class);
            assertThatThrownBy(() -> put(backend, KEY)).isInstanceOf(IOException.class);
            try (RedisProcess late = RedisProcess.start(port, its)) {
                eventually("a put succeeds", () -> put(backend, KEY) instanceof PutOutcome.Stored);
                eventually("a get succeeds", () -> holds(backend, KEY));
                late.kill();
                assertThatThrownBy(() -> holds(backend, KEY)).isInstanceOf(IOException.class);
                late.restart();
                eventually("a get is answered", () -> !holds(backend, KEY));
                eventually("a put succeeds", () -> put(backend, KEY) instanceof PutOutcome.Stored);
                eventually("a get succeeds", () -> holds(backend, KEY));
            }
        }
    }

    @Test
    void aServerThatIsSilentFailsWhatWaitsForItAndServesAgainWhenItGoesOn() throws IOException {
        try (StorageBackend backend = open(server.url(), "timeout_secs", "0.5")) {
            put(backend, KEY);
            assertThat(holds(backend, KEY)).isTrue();
            server.stall();
            try {
                assertThatThrownBy(() -> holds(backend, KEY)).isInstanceOf(IOException.class);
                assertThatThrownBy(() -> prefix(backend, List.of(KEY))).isInstanceOf(IOException.class);
                assertThatThrownBy(() -> put(backend, LARGE_KEY, LARGE)).isInstanceOf(IOException.class);
                assertThat(backend.allocator().usedBytes()).isZero();
            } finally {
                server.goOn();
            }
            eventually("a get succeeds", () -> holds(backend, KEY));
        }
    }

    @Test
    void aConnectionCutInTheMiddleOfAReplyFailsTheGetAndNothingElse() throws IOException {
        try (TcpProxy proxy = new TcpProxy(server.port());
                StorageBackend backend = open(proxy.url("redis"))) {
            put(backend, LARGE_KEY, LARGE);
            for (long bytes : new long[] {10, 5000, 1 << 20, 20 << 20}) {
                proxy.cutAfterReply(bytes);
                assertThatThrownBy(() -> holds(backend, LARGE_KEY))
                        .as("%s bytes", bytes)
                        .isInstanceOf(IOException.class);
                assertThat(backend.allocator().usedBytes())
                        .as("%s bytes", bytes)
                        .isZero();
                eventually("a get succeeds", () -> holds(backend, LARGE_KEY));
            }
            assertThat(counter(backend, "corrupt")).isZero();
        }
    }

    @Test
    void aConnectionCutInTheMiddleOfAValueStoresNothing() throws IOException {
        try (TcpProxy proxy = new TcpProxy(server.port());
                StorageBackend backend = open(proxy.url("redis"))) {
            put(backend, KEY);
            for (long bytes : new long[] {200, 5000, 1 << 20, 20 << 20}) {
                proxy.cutAfterRequest(bytes);
                assertThatThrownBy(() -> put(backend, LARGE_KEY, LARGE))
                        .as("%s bytes", bytes)
                        .isInstanceOf(IOException.class);
                eventually("the memory comes back", () -> backend.allocator().usedBytes() == 0);
                eventually("a get is answered", () -> !holds(backend, LARGE_KEY));
            }
            eventually("a put succeeds", () -> put(backend, LARGE_KEY, LARGE) instanceof PutOutcome.Stored);
            assertThat(holds(backend, LARGE_KEY)).isTrue();
        }
    }

    @Test
    void aLongAndNarrowWayIsNoFailure() throws IOException {
        try (TcpProxy proxy = new TcpProxy(server.port());
                StorageBackend backend = open(proxy.url("redis"), "timeout_secs", "2")) {
            proxy.limit(16 << 20);
            proxy.delay(5);
            // Longer under way than the server may be silent.
            assertThat(put(backend, LARGE_KEY, LARGE)).isEqualTo(PutOutcome.stored());
            assertThat(holds(backend, LARGE_KEY)).isTrue();
        }
    }

    @Test
    void aLookupIsOneRoundTripHoweverLong() throws IOException {
        List<ChunkKey> keys = TestChunks.keys(513);
        try (TcpProxy proxy = new TcpProxy(server.port());
                StorageBackend backend = open(proxy.url("redis"))) {
            for (ChunkKey key : keys.subList(0, 512)) {
                put(backend, key);
            }
            // Long enough that requests sent without waiting arrive before any reply.
            proxy.delay(50);
            int before = proxy.roundTrips();
            assertThat(prefix(backend, keys)).isEqualTo(512);
            assertThat(proxy.roundTrips() - before).isLessThanOrEqualTo(2);
        }
    }

    @Test
    void closingEndsWhatHangs() throws IOException {
        StorageBackend backend = open(server.url(), "timeout_secs", "3600");
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
    void aPasswordComesFromAFileAndIsNeverShown(@TempDir Path its) throws IOException {
        Path secret = Files.writeString(its.resolve("secret"), "s3cret\n");
        Path wrong = Files.writeString(its.resolve("wrong"), "wr0ng\n");
        try (RedisProcess closed = RedisProcess.start(its, "--requirepass", "s3cret")) {
            try (StorageBackend backend = open(closed.url(), "password_file", secret.toString())) {
                assertThat(put(backend, KEY)).isEqualTo(PutOutcome.stored());
                assertThat(holds(backend, KEY)).isTrue();
            }
            try (StorageBackend backend = open(closed.url(), "password_file", wrong.toString())) {
                assertThatThrownBy(() -> holds(backend, KEY))
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining("WRONGPASS")
                        .message()
                        .doesNotContain("wr0ng");
                Files.writeString(wrong, "s3cret");
                eventually("a changed password is read", () -> holds(backend, KEY));
            }
        }
    }

    @Test
    void aUserAndAPasswordComeFromTheEnvironment() {
        RedisCredentialsSource source = new RedisCredentialsSource(
                Optional.empty(), Optional.empty(), Map.of("REDIS_USERNAME", "me", "REDIS_PASSWORD", "s3cret"));
        assertThat(source.now().getUsername()).isEqualTo("me");
        assertThat(source.now().getPassword()).containsExactly('s', '3', 'c', 'r', 'e', 't');
        assertThat(source).hasToString("user 'me', password from REDIS_PASSWORD");
    }
}
