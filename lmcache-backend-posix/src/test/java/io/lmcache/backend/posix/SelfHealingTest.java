package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.await;
import static io.lmcache.backend.posix.TestBackends.file;
import static io.lmcache.backend.posix.TestBackends.holds;
import static io.lmcache.backend.posix.TestBackends.put;
import static io.lmcache.backend.posix.TestBackends.regularFiles;
import static io.lmcache.backend.posix.TestBackends.store;
import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.format.NativeChunkFormat;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What others do to a directory while it is in use costs what was stored there, and nothing that is stored afterwards. */
class SelfHealingTest {
    private static final List<ChunkKey> KEYS = TestChunks.keys(40);
    private static final long LIMIT = 10 * (ChunkFileFormat.HEADER_BYTES + TestChunks.META.byteSize());

    @TempDir
    private Path folder;

    private static void removeAll(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
    }

    private static List<Path> locks(Path root) throws IOException {
        return regularFiles(root.resolve(".lmcache/writers"));
    }

    private void removedWhileInUse(String below, boolean isMadeAnew) throws Exception {
        Path root = Files.createDirectory(folder.resolve("cache"));
        try (StorageBackend backend = TestBackends.open(root, "max_bytes", Long.toString(LIMIT))) {
            KEYS.subList(0, 8).forEach(key -> store(backend, key));
            removeAll(root.resolve(below));
            if (isMadeAnew) {
                Files.createDirectories(root.resolve(below));
            }
            // Its files may be gone this very moment; a second later everything is there again.
            TestBackends.awaitTrue(
                    () -> !(put(backend, KEYS.getLast(), TestChunks.META) instanceof PutOutcome.Declined)
                            && holds(backend, KEYS.getLast()),
                    () -> "nothing is stored");
            for (ChunkKey key : KEYS) {
                put(backend, key, TestChunks.META);
                assertThat(holds(backend, key)).isTrue();
            }
            TestBackends.awaitTrue(
                    () -> locks(root).size() == 1, () -> locks(root).toString());
            assertThat(regularFiles(root))
                    .filteredOn(file -> file.toString().endsWith(".safetensors"))
                    .hasSizeBetween(1, 10);
        }
        assertThat(locks(root)).isEmpty();
        try (StorageBackend backend = TestBackends.open(root)) {
            assertThat(holds(backend, KEYS.getLast())).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {".lmcache", ".lmcache/writers", ".lmcache/quarantine"})
    void folderThatIsRemovedComesBack(String below) throws Exception {
        removedWhileInUse(below, false);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".lmcache", ".lmcache/writers", ".lmcache/quarantine"})
    void folderThatIsMadeAnewIsTakenInUse(String below) throws Exception {
        removedWhileInUse(below, true);
    }

    @Test
    void chunkThatIsThereButNotPublishedByUsIsNoHindrance() throws Exception {
        Path root = folder.resolve("cache");
        try (StorageBackend backend = TestBackends.open(root)) {
            store(backend, KEYS.getFirst());
            removeAll(root);
            assertThat(await(backend.confirmPrefix(KEYS))).isZero();
            assertThat(holds(backend, KEYS.getFirst())).isFalse();
        }
    }

    /** Sound as far as one can see without reading it, and more than any memory holds. */
    @Test
    void fileThatClaimsToHoldMoreThanFitsIsNoChunkAndMakesWay() throws Exception {
        Path root = folder.resolve("cache");
        ChunkKey key = KEYS.getFirst();
        long tokens = (1L << 40) / (TestChunks.META.byteSize() / TestChunks.META.tokens());
        ChunkMeta huge = new ChunkMeta(TestChunks.LAYOUT, Math.toIntExact(Math.min(Integer.MAX_VALUE, tokens)));
        try (StorageBackend backend = TestBackends.open(root, "max_bytes", Long.toString(LIMIT))) {
            Files.createDirectories(file(root, key).resolveSibling("."));
            try (RandomAccessFile file = new RandomAccessFile(file(root, key).toFile(), "rw")) {
                file.write(new NativeChunkFormat().header(key, huge, 0));
                file.setLength(ChunkFileFormat.fileBytes(huge));
            }
            assertThat(await(backend.containsPrefix(List.of(key)))).isZero();
            assertThat(await(backend.confirmPrefix(List.of(key)))).isZero();
            assertThat(holds(backend, key)).isFalse();
            store(backend, key);
            assertThat(holds(backend, key)).isTrue();
        }
        assertThat(file(root, key)).hasSize(ChunkFileFormat.fileBytes(TestChunks.META));
    }
}
