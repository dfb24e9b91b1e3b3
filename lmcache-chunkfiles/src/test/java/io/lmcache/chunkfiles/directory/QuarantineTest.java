package io.lmcache.chunkfiles.directory;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A judgement of a file may be out of date by the time it is carried out. */
class QuarantineTest {
    private static final ChunkKey KEY = TestChunks.key(1);

    @TempDir
    private Path root;

    @Test
    void theSecondReaderOfACorruptFileLeavesTheGoodOneThatReplacedIt() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 10)) {
            fixture.store(KEY);
            Path file = fixture.file(KEY);
            damage(file);

            fixture.directory.quarantine(fixture.at(KEY), file, "is corrupt, says the first reader");
            assertThat(file).doesNotExist();
            fixture.store(KEY);
            fixture.directory.quarantine(fixture.at(KEY), file, "is corrupt, says the second");

            assertThat(file).exists();
            assertThat(fixture.directory.checkAll(file, KEY)).isInstanceOf(HeaderCheck.Valid.class);
            assertThat(fixture.count(BackendCounter.CORRUPT)).isOne();
            assertThat(fixture.count(BackendCounter.MISREAD)).isOne();
            assertThat(quarantined()).hasSize(1);
        }
    }

    @Test
    void aFileThatComesBetweenJudgementAndMoveIsPutBack() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 10)) {
            fixture.store(KEY);
            Path file = fixture.file(KEY);
            Path judged = root.resolve("judged");
            Files.copy(file, judged);
            Object identity = ChunkRoot.identityOf(judged).orElseThrow();

            try (ChunkRoot other = ChunkRoot.open(root, settings())) {
                other.quarantine(file, identity, 1);
            }
            assertThat(file).exists();
            assertThat(quarantined()).isEmpty();
        }
    }

    @Test
    void aFileOfLmcacheThatComesThenNeverStaysWithoutItsMetadata() throws Exception {
        Path file = root.resolve("ab/cd/chunk.kvcache.safetensors");
        Path metadata = file.resolveSibling(file.getFileName() + ".metadata");
        Files.createDirectories(metadata.resolveSibling("."));
        Object identity =
                ChunkRoot.identityOf(Files.createFile(root.resolve("judged"))).orElseThrow();
        Files.createFile(file);
        Files.createFile(metadata);

        try (ChunkRoot other = ChunkRoot.open(root, settings())) {
            other.quarantine(file, identity, 1);
        }
        assertThat(Files.exists(file)).isEqualTo(Files.exists(metadata));
        assertThat(quarantined()).isEmpty();
    }

    private DirectorySettings settings() {
        return DirectorySettings.withoutLimits(root, DirectorySettings.FsyncMode.NONE);
    }

    @Test
    void readersThatJudgeAndWritersThatReplaceAtOnceLoseNoStoredChunk() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 100)) {
            for (int round = 0; round < 50; round++) {
                ChunkKey key = TestChunks.key(round);
                fixture.store(key);
                Path file = fixture.file(key);
                Path good = root.resolve("good" + round);
                Files.copy(file, good);
                damage(file);

                List<CompletableFuture<Void>> readers = List.of(judging(fixture, key), judging(fixture, key));
                // As a writer publishes.
                Files.move(good, file, StandardCopyOption.ATOMIC_MOVE);
                for (CompletableFuture<Void> reader : readers) {
                    reader.get(30, TimeUnit.SECONDS);
                }
                assertThat(file).as("round %d", round).exists();
            }
        }
    }

    private static CompletableFuture<Void> judging(DirectoryFixture fixture, ChunkKey key) {
        return CompletableFuture.runAsync(
                () -> fixture.directory.quarantine(fixture.at(key), fixture.file(key), "is corrupt"),
                Thread::startVirtualThread);
    }

    private static void damage(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[5000] ^= 1;
        Files.write(file, bytes);
    }

    private List<Path> quarantined() throws IOException {
        try (var files = Files.list(root.resolve(".lmcache/quarantine"))) {
            return files.toList();
        }
    }
}
