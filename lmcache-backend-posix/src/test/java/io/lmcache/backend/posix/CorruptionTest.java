package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.count;
import static io.lmcache.backend.posix.TestBackends.file;
import static io.lmcache.backend.posix.TestBackends.holds;
import static io.lmcache.backend.posix.TestBackends.put;
import static io.lmcache.backend.posix.TestBackends.quarantined;
import static io.lmcache.backend.posix.TestBackends.store;
import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever happens to a chunk file, a get returns the bytes that were put or a miss, and the file is taken away. */
class CorruptionTest {
    private static final ChunkKey KEY = TestChunks.key(1);

    @TempDir
    private Path root;

    private StorageBackend backend;

    @BeforeEach
    void open() {
        backend = TestBackends.open(root, "use_direct_io", useDirectIo());
    }

    String useDirectIo() {
        return "false";
    }

    /** Fails when memory of what was corrupt is still leased. */
    @AfterEach
    void close() {
        backend.close();
    }

    private void assertQuarantinedAfter(String what, UnaryOperator<byte[]> damage) throws IOException {
        store(backend, KEY);
        Path file = file(root, KEY);
        Files.write(file, damage.apply(Files.readAllBytes(file)));
        long corrupt = count(backend, BackendCounter.CORRUPT);

        assertThat(holds(backend, KEY)).as(what).isFalse();

        assertThat(count(backend, BackendCounter.CORRUPT)).as(what).isEqualTo(corrupt + 1);
        assertThat(file).as(what).doesNotExist();
        assertThat(quarantined(root)).as(what).hasSize(1);
        Files.delete(quarantined(root).getFirst());
    }

    @Test
    void truncatedAtAnyPageIsAMiss() throws IOException {
        for (int length = 0; length < 4096 + TestChunks.META.byteSize(); length += 4096) {
            int end = length;
            assertQuarantinedAfter("truncated to " + length, bytes -> Arrays.copyOf(bytes, end));
        }
        assertQuarantinedAfter("one byte short", bytes -> Arrays.copyOf(bytes, bytes.length - 1));
    }

    @Test
    void tailOfZerosIsAMiss() throws IOException {
        assertQuarantinedAfter(
                "zeroed tail", bytes -> Arrays.copyOf(Arrays.copyOf(bytes, bytes.length / 2), bytes.length));
    }

    @Test
    void extendedIsAMiss() throws IOException {
        assertQuarantinedAfter("one byte long", bytes -> Arrays.copyOf(bytes, bytes.length + 1));
        assertQuarantinedAfter("one page long", bytes -> Arrays.copyOf(bytes, bytes.length + 4096));
    }

    @Test
    void flippedBitIsAMiss() throws IOException {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        int fileBits = Math.toIntExact(8 * (4096 + TestChunks.META.byteSize()));
        for (int round = 0; round < 100; round++) {
            // Half of the bits in the text of the header, half of them anywhere.
            int bit = random.nextInt(round % 2 == 0 ? 8 * 450 : fileBits);
            assertQuarantinedAfter("seed " + seed + ", bit " + bit, bytes -> {
                bytes[bit / 8] ^= (byte) (1 << (bit % 8));
                return bytes;
            });
        }
    }

    @Test
    void flippedBitInAnyPieceOfALargeChunkIsAMiss() throws IOException {
        KvLayout layout = KvLayout.kv(KvDtype.HALF, 4, 8, 256);
        ChunkMeta large = new ChunkMeta(layout, 401);
        assertThat(large.byteSize()).isBetween(12L << 20, 13L << 20);
        ChunkKey key = TestChunks.key(KeyScope.of("large", layout), 1);
        for (int piece = 0; piece < 4; piece++) {
            assertThat(put(backend, key, large)).isEqualTo(PutOutcome.stored());
            assertThat(holds(backend, key)).isTrue();
            byte[] bytes = Files.readAllBytes(file(root, key));
            bytes[4096 + (piece << 22) + 12345] ^= 1;
            Files.write(file(root, key), bytes);

            assertThat(holds(backend, key)).as("piece %d", piece).isFalse();
        }
    }

    @Test
    void swappedFilesAreMisses() throws IOException {
        ChunkKey other = TestChunks.key(2);
        store(backend, KEY);
        store(backend, other);
        Path aside = root.resolve("aside");
        Files.move(file(root, KEY), aside);
        Files.move(file(root, other), file(root, KEY));
        Files.move(aside, file(root, other));

        assertThat(holds(backend, KEY)).isFalse();
        assertThat(holds(backend, other)).isFalse();
        assertThat(quarantined(root)).hasSize(2);
    }

    @Test
    void chunkCanBeStoredAnewAfterQuarantine() throws IOException {
        assertQuarantinedAfter("empty", _ -> new byte[0]);
        store(backend, KEY);
        assertThat(holds(backend, KEY)).isTrue();
    }

    @Test
    void symbolicLinkIsNotFollowed() throws IOException {
        store(backend, KEY);
        Path elsewhere = root.resolve("elsewhere");
        Files.move(file(root, KEY), elsewhere);
        Files.createSymbolicLink(file(root, KEY), elsewhere);

        assertThat(holds(backend, KEY)).isFalse();
        store(backend, KEY);
        assertThat(Files.isSymbolicLink(file(root, KEY))).isFalse();
        assertThat(elsewhere).exists();
    }

    @Test
    void directoryInPlaceOfAFileIsAMiss() throws IOException {
        Files.createDirectories(file(root, KEY).resolve("child"));
        assertThat(holds(backend, KEY)).isFalse();
    }

    @Test
    void fileIsRemovedWhereQuarantineFails() throws IOException {
        store(backend, KEY);
        Files.write(file(root, KEY), new byte[5000]);
        Files.delete(root.resolve(".lmcache/quarantine"));

        assertThat(holds(backend, KEY)).isFalse();
        assertThat(file(root, KEY)).doesNotExist();
    }
}
