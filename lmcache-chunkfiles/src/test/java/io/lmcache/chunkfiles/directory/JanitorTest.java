package io.lmcache.chunkfiles.directory;

import static io.lmcache.chunkfiles.directory.DirectoryFixture.FILE_BYTES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.ChunkPin;
import io.lmcache.testkit.TestChunks;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JanitorTest {
    private static final String CHUNK_IN_QUARANTINE = "-0123456789abcdef-0123456789abcdef0123456789abcdef.safetensors";
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
            fixture.directory.find(fixture.at(TestChunks.key(0)));
            fixture.directory.noteHit(fixture.at(TestChunks.key(0)), oldest);
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
            Path file = fixture.directory.find(fixture.at(TestChunks.key(0))).orElseThrow();
            fixture.directory.noteHit(fixture.at(TestChunks.key(0)), file);
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
            try (ChunkPin zero = fixture.directory
                            .tryPin(fixture.at(TestChunks.key(0)))
                            .orElseThrow();
                    ChunkPin one = fixture.directory
                            .tryPin(fixture.at(TestChunks.key(1)))
                            .orElseThrow();
                    ChunkPin two = fixture.directory
                            .tryPin(fixture.at(TestChunks.key(2)))
                            .orElseThrow()) {
                assertThat(fixture.store(TestChunks.key(3))).isTrue();
                ChunkPin three =
                        fixture.directory.tryPin(fixture.at(TestChunks.key(3))).orElseThrow();
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
                assertThat(fixture.count(BackendCounter.UNDELETABLE)).isPositive();
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
            assertThat(fixture.count(BackendCounter.EVICTED)).isEqualTo(3);
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
            assertThat(fixture.count(BackendCounter.EXPIRED)).isEqualTo(1);
            assertThat(fixture.directory.isKnown(fixture.at(TestChunks.key(0)))).isFalse();
        }
    }

    @Test
    void chunkUsedWithinAShortLifeStays() throws Exception {
        try (DirectoryFixture fixture = new DirectoryFixture(root, 0, Duration.ofSeconds(30), 0)) {
            fixture.store(TestChunks.key(0), Duration.ofSeconds(20));
        }
        try (DirectoryFixture fixture = new DirectoryFixture(root, 0, Duration.ofSeconds(30), 0)) {
            Path file = fixture.directory.find(fixture.at(TestChunks.key(0))).orElseThrow();
            fixture.directory.noteHit(fixture.at(TestChunks.key(0)), file);
            assertThat(Files.getLastModifiedTime(file).toInstant())
                    .isAfter(Instant.now().minus(Duration.ofSeconds(19)));
        }
    }

    @Test
    void timeOfUseInTheFutureBecomesNow() throws Exception {
        try (DirectoryFixture fixture = new DirectoryFixture(root, 0, Duration.ofHours(1), 0)) {
            fixture.store(TestChunks.key(0), Duration.ofDays(-1000));
            fixture.clean();
            assertThat(Files.getLastModifiedTime(fixture.file(TestChunks.key(0)))
                            .toInstant())
                    .isBefore(Instant.now().plus(Duration.ofMinutes(1)));
        }
    }

    // Litter

    @Test
    void deadWritersAreRememberedUntilTheirFilesAreGone() throws Exception {
        Path lock = Files.createDirectories(root.resolve(".lmcache/writers")).resolve(DEAD_WRITER + ".lock");
        Files.writeString(lock, "");
        Path temporary = Files.createDirectories(root.resolve("ab/cd")).resolve("." + DEAD_WRITER + ".1.tmp");
        Files.writeString(temporary, "x");
        Files.writeString(root.resolve(".lmcache/writers/.nfs0001"), "");
        try (ChunkRoot opened = ChunkRoot.open(root, DirectoryFixture.settings(root))) {
            RootSweep stopped = new RootSweep(
                    opened,
                    Duration.ZERO,
                    new ChunkRemoval(new Pins(() -> {}), new ChunkIndex(10)),
                    ChunkDirectory.newCounters(),
                    Clock.systemUTC(),
                    new StopsAfter(3));
            stopped.tidy();
            assertThat(lock).as("the sweep ended before it had seen everything").exists();
        }
        try (DirectoryFixture fixture = new DirectoryFixture(root, 0, Duration.ZERO, 0)) {
            fixture.clean();
            assertThat(temporary).doesNotExist();
            assertThat(lock).doesNotExist();
        }
    }

    /** Says stop from the n-th question on. */
    private static final class StopsAfter implements BooleanSupplier {
        private int left;

        private StopsAfter(int questions) {
            left = questions;
        }

        @Override
        public boolean getAsBoolean() {
            left--;
            return left < 0;
        }
    }

    @Test
    void temporaryFilesOfDeadWritersAreCollectedAndThoseOfTheLivingAreNot() throws Exception {
        try (DirectoryFixture fixture = new DirectoryFixture(root, 0, Duration.ZERO, 0);
                NewChunkFile own = fixture.directory
                        .tryCreate(fixture.at(TestChunks.key(0)), TestChunks.META)
                        .orElseThrow()) {
            Path dead = Files.writeString(own.path().resolveSibling("." + DEAD_WRITER + ".1.tmp"), "x");
            Path lock = Files.writeString(root.resolve(".lmcache/writers/" + DEAD_WRITER + ".lock"), "");
            fixture.clean();
            assertThat(dead).doesNotExist();
            assertThat(lock).doesNotExist();
            assertThat(own.path()).exists();
            assertThat(fixture.count(BackendCounter.STALE_TEMPORARIES)).isEqualTo(1);

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
            fixture.directory.clear((_, _) -> true);
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
            fixture.directory.clear((_, _) -> true);
            assertThat(other.exists(0)).isTrue();
        }
    }

    @Test
    void quarantineKeepsItsNewestFilesForADay() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 10)) {
            Path quarantine = root.resolve(".lmcache/quarantine");
            long now = System.currentTimeMillis();
            Path old = Files.writeString(
                    quarantine.resolve((now - Duration.ofHours(25).toMillis()) + CHUNK_IN_QUARANTINE), "x");
            for (int i = 0; i < 70; i++) {
                Files.writeString(quarantine.resolve((now - 1000 + i) + CHUNK_IN_QUARANTINE), "x");
            }
            fixture.clean();
            assertThat(old).doesNotExist();
            assertThat(quarantine.resolve((now - 1000 + 69) + CHUNK_IN_QUARANTINE))
                    .exists();
            assertThat(quarantine.resolve((now - 1000) + CHUNK_IN_QUARANTINE)).doesNotExist();
            assertThat(fixture.count(BackendCounter.QUARANTINE_REMOVED)).isEqualTo(7);
        }
    }

    @Test
    void quarantineCountsToTheBudgetAndGoesBeforeSoundChunks() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 10)) {
            fillAgingFrom(fixture, 0, 8);
            Path quarantined = quarantined(System.currentTimeMillis());
            Files.write(quarantined, new byte[(int) (2 * FILE_BYTES)]);
            fixture.clean();
            assertThat(quarantined).exists();
            assertThat(fixture.store(TestChunks.key(8))).isTrue();
            assertThat(quarantined).doesNotExist();
            assertThat(present(fixture, 0, 9)).isEqualTo(9);
        }
    }

    @Test
    void fileWithHolesCountsByItsBlocks() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 10)) {
            fillAgingFrom(fixture, 0, 8);
            for (Path sparse : List.of(quarantined(System.currentTimeMillis()), fixture.file(TestChunks.key(0)))) {
                try (RandomAccessFile file = new RandomAccessFile(sparse.toFile(), "rw")) {
                    file.setLength(1L << 40);
                }
            }
            fixture.clean();
            assertThat(fixture.store(TestChunks.key(8))).isTrue();
            assertThat(present(fixture, 1, 9)).isEqualTo(8);
        }
    }

    private Path quarantined(long millis) {
        return root.resolve(".lmcache/quarantine").resolve(millis + CHUNK_IN_QUARANTINE);
    }

    @Test
    void emptyDirectoriesGoAndAreMadeAgain() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 10)) {
            Path inner = Files.createDirectories(root.resolve("ab/cd"));
            Path foreign = Files.createDirectories(root.resolve("models"));
            FileTime old = FileTime.from(Instant.now().minus(Duration.ofHours(1)));
            Files.setLastModifiedTime(inner, old);
            Files.setLastModifiedTime(foreign, old);
            fillAgingFrom(fixture, 0, 1);
            fixture.directory.clear((_, _) -> true);
            Path leaf = fixture.file(TestChunks.key(0)).resolveSibling(".");
            Files.setLastModifiedTime(leaf, old);
            fixture.clean();
            assertThat(inner).doesNotExist();
            assertThat(leaf).doesNotExist();
            assertThat(foreign).exists();
            assertThat(fixture.store(TestChunks.key(0))).isTrue();
        }
    }

    // Evictions that are hard to make

    @Test
    void mostChunksPinnedDoNotKeepTheOthersFromGiving() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 50)) {
            fillAgingFrom(fixture, 0, 50);
            List<ChunkPin> pins = new ArrayList<>();
            for (int number = 0; number < 30; number++) {
                pins.add(fixture.directory
                        .tryPin(fixture.at(TestChunks.key(number)))
                        .orElseThrow());
            }
            for (int number = 50; number < 90; number++) {
                assertThat(fixture.store(TestChunks.key(number)))
                        .as("chunk %d", number)
                        .isTrue();
            }
            pins.forEach(ChunkPin::close);
            assertThat(present(fixture, 0, 30)).isEqualTo(30);
        }
    }

    // Scans that cannot see everything

    @Test
    void directoryThatCannotBeReadDoesNotLowerTheCount() throws Exception {
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(root, 20)) {
            fillAgingFrom(fixture, 0, 19);
            fixture.clean();
            DiskBudget budget = new DiskBudget(20 * FILE_BYTES, DirectoryAccount.ofOne(1));
            budget.endScan(budget.beginScan(), 19 * FILE_BYTES);
            budget.endIncompleteScan(budget.beginScan(), 2 * FILE_BYTES);
            assertThat(budget.tryReserve(FILE_BYTES)).isTrue();
            assertThat(budget.tryReserve(1)).isFalse();
        }
    }

    // Links

    @Test
    void nothingIsRemovedByWayOfALink() throws Exception {
        Path outside = Files.createDirectories(root.resolve("outside"));
        Path inside = root.resolve("inside");
        Path victim = Files.writeString(outside.resolve("1" + CHUNK_IN_QUARANTINE), "x");
        Path lock = Files.writeString(outside.resolve(DEAD_WRITER + ".lock"), "");
        Path temporary = Files.writeString(outside.resolve("." + DEAD_WRITER + ".1.tmp"), "x");
        try (DirectoryFixture fixture = DirectoryFixture.ofChunks(inside, 10)) {
            fixture.clean();
            Path control = inside.resolve(".lmcache");
            Files.delete(control.resolve("quarantine"));
            Files.createSymbolicLink(control.resolve("quarantine"), outside);
            Files.move(control.resolve("writers"), inside.resolve("moved"));
            Files.createSymbolicLink(control.resolve("writers"), outside);
            Files.createDirectories(inside.resolve("ab"));
            Files.createSymbolicLink(inside.resolve("ab/cd"), outside);
            fixture.directory.clean().get(10, TimeUnit.SECONDS);
            fixture.directory.clear((_, _) -> true);
        }
        assertThat(victim).exists();
        assertThat(lock).exists();
        assertThat(temporary).exists();
    }

    @Test
    void chunkIsNeitherRemovedNorTouchedNorWrittenBehindALinkedDirectory() throws Exception {
        Path outside = root.resolve("outside");
        Path inside = root.resolve("inside");
        try (DirectoryFixture other = DirectoryFixture.ofChunks(outside, 10);
                DirectoryFixture fixture = DirectoryFixture.ofChunks(inside, 10)) {
            other.store(TestChunks.key(0), Duration.ZERO);
            String level =
                    outside.relativize(other.file(TestChunks.key(0))).getName(0).toString();
            Files.createSymbolicLink(inside.resolve(level), outside.resolve(level));
            FileTime old = FileTime.from(Instant.now().minus(Duration.ofHours(1)));
            Files.setLastModifiedTime(other.file(TestChunks.key(0)), old);
            fixture.directory.find(fixture.at(TestChunks.key(0)));
            fixture.directory.noteHit(fixture.at(TestChunks.key(0)), fixture.file(TestChunks.key(0)));
            fixture.directory.quarantine(
                    fixture.at(TestChunks.key(0)), fixture.file(TestChunks.key(0)), "is judged wrongly");
            assertThat(Files.getLastModifiedTime(other.file(TestChunks.key(0)))).isEqualTo(old);
            assertThat(fixture.directory.remove(fixture.at(TestChunks.key(0)))).isFalse();
            assertThat(other.exists(0)).isTrue();
            fixture.clean();
            assertThatThrownBy(() -> fixture.directory.tryCreate(fixture.at(TestChunks.key(0)), TestChunks.META))
                    .isInstanceOf(NotDirectoryException.class)
                    .hasMessageContaining("links are not followed");
        }
    }

    @Test
    void linkedFolderOfOursIsNoPlaceToStart() throws Exception {
        Path outside = Files.createDirectories(root.resolve("outside"));
        Path inside = Files.createDirectories(root.resolve("inside"));
        Files.createSymbolicLink(inside.resolve(".lmcache"), outside);
        assertThatThrownBy(() -> DirectoryFixture.ofChunks(inside, 10)).hasMessageContaining("a file or a link");
        assertThat(outside).isEmptyDirectory();
    }
}
