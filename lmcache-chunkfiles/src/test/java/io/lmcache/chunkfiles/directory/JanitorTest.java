package io.lmcache.chunkfiles.directory;

import static io.lmcache.chunkfiles.directory.DirectoryFixture.FILE_BYTES;
import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.spi.ChunkPin;
import io.lmcache.chunkfiles.directory.Counters.Event;
import io.lmcache.testkit.TestChunks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JanitorTest {
    private static final String DEAD_WRITER = "1-0123456789abcdef-0123456789abcdef";

    @TempDir
    private Path root;

    private void fillAgingFrom(DirectoryFixture fixture, int from, int to) throws Exception {
        for (int number = from; number < to; number++) {
            fixture.store(TestChunks.key(number), Duration.ofHours(1000 - number));
        }
    }

    private static long present(DirectoryFixture fixture, int from, int to) {
        return IntStream.range(from, to).filter(fixture::exists).count();
    }

    // Budget

    @Test
    void leastRecentlyUsedChunksMakeRoomAndNoMoreThanNeeded() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 40)) {
            fillAgingFrom(fixture, 0, 40);
            fixture.clean();
            fixture.store(TestChunks.key(40), Duration.ZERO);
            fixture.clean();

            assertThat(present(fixture, 0, 41)).isBetween(38L, 40L);
            assertThat(fixture.exists(0)).isFalse();
            assertThat(present(fixture, 4, 41)).isEqualTo(37);
        }
    }

    @Test
    void chunksThatWereThereBeforeCountFromTheFirstPut() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 100)) {
            fillAgingFrom(fixture, 0, 20);
        }
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 10)) {
            assertThat(fixture.store(TestChunks.key(20))).isTrue();
            assertThat(present(fixture, 0, 21)).isBetween(9L, 10L);
            assertThat(fixture.exists(20)).isTrue();
            assertThat(fixture.exists(19)).isTrue();
            assertThat(fixture.exists(0)).isFalse();
        }
    }

    @Test
    void chunksOfOtherWritersAreFoundByTheSweep() throws Exception {
        try (DirectoryFixture one = DirectoryFixture.ofChunks(root, 10);
                DirectoryFixture other = DirectoryFixture.ofChunks(root, 100)) {
            one.clean();
            fillAgingFrom(other, 0, 20);
            one.clean();
            assertThat(present(one, 0, 20)).isBetween(9L, 10L);
            assertThat(present(one, 11, 20)).isEqualTo(9);
        }
    }

    @Test
    void chunkInUseSinceTheScanIsKept() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 10)) {
            fillAgingFrom(fixture, 0, 9);
            Path oldest = fixture.file(TestChunks.key(0));
            fixture.directory.find(TestChunks.key(0));
            fixture.directory.noteHit(TestChunks.key(0), oldest);
            // The entry dates from the put a moment ago, so the hit does not touch the file; a later one would.
            Files.setLastModifiedTime(oldest, FileTime.from(Instant.now()));
            for (int number = 9; number < 14; number++) {
                assertThat(fixture.store(TestChunks.key(number))).isTrue();
            }
            assertThat(fixture.exists(0)).isTrue();
            assertThat(fixture.exists(1)).isFalse();
        }
    }

    @Test
    void hitOfAChunkLastUsedLongAgoRenewsItsFile() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 10)) {
            fixture.store(TestChunks.key(0), Duration.ofHours(5));
        }
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 10)) {
            Path file = fixture.directory.find(TestChunks.key(0)).orElseThrow();
            fixture.directory.noteHit(TestChunks.key(0), file);
            assertThat(Files.getLastModifiedTime(file).toInstant())
                    .isAfter(Instant.now().minus(Duration.ofMinutes(1)));
        }
    }

    @Test
    void pinnedChunksStayAndTheirPinsEndMakesRoom() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 4)) {
            for (int number = 0; number < 3; number++) {
                fixture.store(TestChunks.key(number), Duration.ofHours(3));
            }
            try (ChunkPin zero = fixture.directory.tryPin(TestChunks.key(0)).orElseThrow();
                    ChunkPin one = fixture.directory.tryPin(TestChunks.key(1)).orElseThrow();
                    ChunkPin two = fixture.directory.tryPin(TestChunks.key(2)).orElseThrow()) {
                assertThat(fixture.store(TestChunks.key(3))).isTrue();
                ChunkPin three = fixture.directory.tryPin(TestChunks.key(3)).orElseThrow();
                assertThat(fixture.store(TestChunks.key(4)))
                        .as("all pinned: %s %s %s", zero, one, two)
                        .isFalse();
                three.close();
                assertThat(fixture.store(TestChunks.key(4))).isTrue();
            }
            assertThat(present(fixture, 0, 3)).isEqualTo(3);
            assertThat(fixture.exists(3)).isFalse();
        }
    }

    @Test
    void fileThatCannotBeDeletedIsPassedOver() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 10)) {
            fillAgingFrom(fixture, 0, 9);
            try (AutoCloseable undeletable = Undeletable.make(fixture.file(TestChunks.key(0)))) {
                assertThat(undeletable).isNotNull();
                for (int number = 9; number < 15; number++) {
                    assertThat(fixture.store(TestChunks.key(number))).isTrue();
                }
                assertThat(fixture.exists(0)).isTrue();
                assertThat(fixture.exists(1)).isFalse();
                assertThat(fixture.count(Event.UNDELETABLE)).isPositive();
            }
        }
    }

    /** A file that even its owner, and root, cannot delete for a while. */
    private static final class Undeletable {
        static AutoCloseable make(Path file) throws Exception {
            Assumptions.assumeTrue(
                    chattr("+i", file) == 0, "chattr +i is refused here, so no file can be made undeletable");
            return () -> assertThat(chattr("-i", file)).isZero();
        }

        private static int chattr(String flag, Path file) throws Exception {
            try {
                return new ProcessBuilder("chattr", flag, file.toString())
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start()
                        .waitFor();
            } catch (java.io.IOException e) {
                return -1;
            }
        }
    }

    // Free space

    @Test
    void reserveOfFreeSpaceIsNotTouched() throws Exception {
        long usable = Files.getFileStore(root).getUsableSpace();
        try (DirectoryFixture fixture = new DirectoryFixture(root, 0, Duration.ZERO, usable * 2)) {
            assertThat(fixture.store(TestChunks.key(0))).isFalse();
        }
        try (DirectoryFixture fixture = new DirectoryFixture(root, 0, Duration.ZERO, usable / 2)) {
            assertThat(fixture.store(TestChunks.key(0))).isTrue();
        }
    }

    @Test
    void chunksGiveWayToTheReserveOfFreeSpace() throws Exception {
        try (DirectoryFixture fixture = new DirectoryFixture(root, 0, Duration.ZERO, 0)) {
            fillAgingFrom(fixture, 0, 3);
        }
        long usable = Files.getFileStore(root).getUsableSpace();
        try (DirectoryFixture fixture = new DirectoryFixture(root, 0, Duration.ZERO, usable * 2)) {
            fixture.clean();
            assertThat(present(fixture, 0, 3)).isZero();
            assertThat(fixture.count(Event.EVICTED)).isEqualTo(3);
        }
    }

    // Time to live

    @Test
    void chunksUnusedForLongExpire() throws Exception {
        try (DirectoryFixture fixture = new DirectoryFixture(root, 0, Duration.ofHours(1), 0)) {
            fixture.store(TestChunks.key(0), Duration.ofMinutes(61));
            fixture.store(TestChunks.key(1), Duration.ofMinutes(59));
            fixture.store(TestChunks.key(2), Duration.ofMinutes(-10));
            fixture.clean();
            assertThat(fixture.exists(0)).isFalse();
            assertThat(fixture.exists(1)).isTrue();
            assertThat(fixture.exists(2)).isTrue();
            assertThat(fixture.count(Event.EXPIRED)).isEqualTo(1);
            assertThat(fixture.directory.isKnown(TestChunks.key(0))).isFalse();
        }
    }

    // Litter

    @Test
    void temporaryFilesOfDeadWritersAreCollectedAndThoseOfTheLivingAreNot() throws Exception {
        try (DirectoryFixture fixture = new DirectoryFixture(root, 0, Duration.ZERO, 0);
                NewChunkFile own = fixture.directory
                        .tryCreate(TestChunks.key(0), TestChunks.META)
                        .orElseThrow()) {
            Path dead = Files.writeString(own.path().resolveSibling("." + DEAD_WRITER + ".1.tmp"), "x");
            Path lock = Files.writeString(root.resolve(".lmcache/writers/" + DEAD_WRITER + ".lock"), "");
            fixture.clean();
            assertThat(dead).doesNotExist();
            assertThat(lock).doesNotExist();
            assertThat(own.path()).exists();
            assertThat(fixture.count(Event.STALE_TEMPORARIES)).isEqualTo(1);

            DirectoryFixture.writeZeros(own);
            own.publish(0);
            assertThat(fixture.exists(0)).isTrue();
        }
    }

    @Test
    void foreignFilesAreLeftAlone() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 1)) {
            Path notes = Files.writeString(root.resolve("notes.txt"), "x");
            Path model = Files.createDirectories(root.resolve("aa/bb")).resolve("model.safetensors");
            Files.write(model, new byte[1 << 20]);
            for (int number = 0; number < 3; number++) {
                assertThat(fixture.store(TestChunks.key(number))).isTrue();
            }
            fixture.directory.clear();
            assertThat(notes).exists();
            assertThat(model).exists();
        }
    }

    @Test
    void symbolicLinkToADirectoryIsNotFollowed() throws Exception {
        Path outside = root.resolve("outside");
        Path inside = root.resolve("inside");
        try (DirectoryFixture other = DirectoryFixture.ofChunks(outside, 10);
                DirectoryFixture fixture = DirectoryFixture.ofChunks(inside, 10)) {
            other.store(TestChunks.key(0), Duration.ZERO);
            String level = other.root
                    .relativize(other.file(TestChunks.key(0)))
                    .toString()
                    .substring(0, 2);
            Files.createSymbolicLink(inside.resolve(level), outside.resolve(level));
            fixture.directory.clear();
            assertThat(other.exists(0)).isTrue();
        }
    }

    @Test
    void quarantineKeepsItsNewestFilesForADay() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 10)) {
            Path quarantine = root.resolve(".lmcache/quarantine");
            long now = System.currentTimeMillis();
            Path old = Files.writeString(
                    quarantine.resolve((now - Duration.ofHours(25).toMillis()) + "-x"), "x");
            for (int i = 0; i < 70; i++) {
                Files.writeString(quarantine.resolve((now - 1000 + i) + "-x"), "x");
            }
            fixture.clean();
            assertThat(old).doesNotExist();
            assertThat(quarantine.resolve((now - 1000 + 69) + "-x")).exists();
            assertThat(quarantine.resolve((now - 1000) + "-x")).doesNotExist();
            assertThat(fixture.count(Event.QUARANTINE_REMOVED)).isEqualTo(7);
        }
    }

    @Test
    void quarantineCountsToTheBudget() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 10)) {
            fillAgingFrom(fixture, 0, 8);
            Files.write(
                    root.resolve(".lmcache/quarantine/" + System.currentTimeMillis() + "-x"),
                    new byte[(int) (5 * FILE_BYTES)]);
            fixture.clean();
            assertThat(present(fixture, 0, 8)).isBetween(4L, 5L);
        }
    }
}
