package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.await;
import static io.lmcache.backend.posix.TestBackends.regularFiles;
import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Files of each format with every class of damage: a get gives what was stored or a miss, and what is a miss can be stored
 * anew. Part of {@code scripts/reliability-campaign}; {@code -Dlmcache.test.flips} is the number of bits that are flipped, one
 * at a time, half of them in the text of the header.
 */
@Tag("slow")
class DamageCampaignTest {
    private static final int FLIPS = Integer.getInteger("lmcache.test.flips", 100);
    private static final int HEADER_BYTES = 4096;
    private static final int TEXT_BYTES = 600;
    private static final ChunkKey KEY = TestChunks.key(1);
    private static final ChunkKey OTHER = TestChunks.key(2);

    @TempDir
    private Path root;

    private int misses;
    private int hits;

    private record Damage(String what, UnaryOperator<byte[]> of) {}

    private static List<Damage> damages(long seed) {
        int fileBytes = Math.toIntExact(HEADER_BYTES + TestChunks.META.byteSize());
        List<Damage> damages = new ArrayList<>();
        for (int length = 0; length < fileBytes; length += HEADER_BYTES) {
            int end = length;
            damages.add(new Damage("cut to " + length, bytes -> Arrays.copyOf(bytes, end)));
            damages.add(new Damage("zeros from " + length, bytes -> {
                Arrays.fill(bytes, end, bytes.length, (byte) 0);
                return bytes;
            }));
        }
        damages.add(new Damage("a byte short", bytes -> Arrays.copyOf(bytes, bytes.length - 1)));
        damages.add(new Damage("a byte long", bytes -> Arrays.copyOf(bytes, bytes.length + 1)));
        damages.add(new Damage("a page long", bytes -> Arrays.copyOf(bytes, bytes.length + HEADER_BYTES)));
        damages.add(new Damage("ones in the header", bytes -> {
            Arrays.fill(bytes, 0, HEADER_BYTES, (byte) 0xff);
            return bytes;
        }));
        Random random = new Random(seed);
        for (int flip = 0; flip < FLIPS; flip++) {
            int bit = random.nextInt(8 * (flip % 2 == 0 ? TEXT_BYTES : fileBytes));
            damages.add(new Damage("bit " + bit, bytes -> {
                bytes[bit / 8] ^= (byte) (1 << (bit % 8));
                return bytes;
            }));
        }
        return damages;
    }

    @ParameterizedTest
    @EnumSource
    void damageIsAMissAndTheChunkCanBeStoredAnew(FileFormat format) throws IOException {
        long seed = new Random().nextLong();
        try (StorageBackend backend = TestBackends.open(root, "file_format", format.name())) {
            List<Damage> damages = damages(seed);
            for (Damage damage : damages) {
                requireRightOrMiss(backend, damage, seed);
            }
            swapFiles(backend);
            System.out.printf(
                    "| damage | %s, %d files damaged | %d misses, %d right; nothing wrong, and none that could not be stored"
                            + " anew |%n",
                    format, damages.size() + 2, misses, hits);
        }
    }

    private void requireRightOrMiss(StorageBackend backend, Damage damage, long seed) throws IOException {
        put(backend, KEY);
        Path file = chunkFiles().getFirst();
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, damage.of().apply(whole.clone()));
        read(backend, KEY, damage.what() + ", seed " + seed);
        for (Path quarantined : TestBackends.quarantined(root)) {
            Files.delete(quarantined);
        }
    }

    /** Right bytes, or a miss that a store does not take for a hit. */
    private void read(StorageBackend backend, ChunkKey key, String what) {
        if (TestBackends.holds(backend, key)) {
            hits++;
            return;
        }
        misses++;
        assertThat(await(backend.confirmPrefix(List.of(key)))).as(what).isZero();
        assertThat(TestBackends.put(backend, key, TestChunks.META)).as(what).isEqualTo(PutOutcome.stored());
        assertThat(TestBackends.holds(backend, key)).as(what).isTrue();
    }

    private static void put(StorageBackend backend, ChunkKey key) {
        assertThat(TestBackends.put(backend, key, TestChunks.META)).isNotInstanceOf(PutOutcome.Declined.class);
    }

    private List<Path> chunkFiles() throws IOException {
        return regularFiles(root).stream()
                .filter(file -> file.toString().endsWith(".safetensors"))
                .toList();
    }

    private void swapFiles(StorageBackend backend) throws IOException {
        put(backend, KEY);
        put(backend, OTHER);
        List<Path> files = chunkFiles();
        assertThat(files).hasSize(2);
        Path aside = root.resolve("aside");
        Files.move(files.get(0), aside);
        Files.move(files.get(1), files.get(0));
        Files.move(aside, files.get(1));
        read(backend, KEY, "swapped");
        read(backend, OTHER, "swapped");
    }
}
