package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.await;
import static io.lmcache.backend.posix.TestBackends.count;
import static io.lmcache.backend.posix.TestBackends.file;
import static io.lmcache.backend.posix.TestBackends.holds;
import static io.lmcache.backend.posix.TestBackends.put;
import static io.lmcache.backend.posix.TestBackends.regularFiles;
import static io.lmcache.backend.posix.TestBackends.store;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.backend.posix.InjectedFiles.Call;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.io.DirectIo;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A file system that reports errors, in the JDK's words for them. */
class StorageFaultTest {
    private static final String ENOENT = "No such file or directory";
    private static final String EIO = "Input/output error";
    private static final String EDQUOT = "Disk quota exceeded";
    private static final String ESTALE = "Stale file handle";
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final ChunkKey KEY = TestChunks.key(1);

    @TempDir
    private Path root;

    private final InjectedFiles files = new InjectedFiles();
    private StorageBackend backend;

    @BeforeEach
    void open() {
        backend = TestBackends.open(files, root);
    }

    @AfterEach
    void closeAndCheckForLitter() throws IOException {
        backend.close();
        assertThat(regularFiles(root)).noneMatch(file -> file.toString().endsWith(".tmp"));
    }

    private void reopen(String... settings) {
        backend.close();
        backend = TestBackends.open(files, root, settings);
    }

    private static boolean isChunk(Path path) {
        return path.toString().endsWith(".safetensors");
    }

    private static boolean isTemporary(Path path) {
        return path.toString().endsWith(".tmp");
    }

    private void assertPutFails(String reason) throws IOException {
        try (BufferLease lease = TestChunks.lease(backend.allocator(), KEY, TestChunks.META)) {
            assertThat(backend.put(KEY, TestChunks.META, lease))
                    .failsWithin(PATIENCE)
                    .withThrowableThat()
                    .havingRootCause()
                    .isInstanceOf(IOException.class)
                    .withMessageContaining(reason);
        }
        assertThat(file(root, KEY)).doesNotExist();
        assertThat(backend.allocator().usedBytes()).isZero();
    }

    @ParameterizedTest
    @EnumSource(names = {"WRITE", "RENAME", "CLOSE"})
    void chunkThatCannotBeWrittenFailsItsPutAndLeavesNothing(Call call) throws IOException {
        files.fail(call, StorageFaultTest::isTemporary, EIO, 1);
        assertPutFails(EIO);
        assertThat(count(backend, BackendCounter.IO_ERRORS)).isEqualTo(1);
        store(backend, KEY);
        assertThat(holds(backend, KEY)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {EIO, "Too many open files"})
    void directoriesThatCannotBeListedDoNotLetTheOthersOutgrowTheLimit(String error) throws IOException {
        long limit = 10 * (ChunkFileFormat.HEADER_BYTES + TestChunks.META.byteSize());
        reopen("max_bytes", Long.toString(limit));
        List<ChunkKey> keys = TestChunks.keys(30);
        keys.subList(0, 8).forEach(key -> store(backend, key));
        files.fail(
                Call.LIST,
                path -> path.startsWith(root)
                        && path.getNameCount() == root.getNameCount() + 2
                        && !path.toString().contains(".lmcache"),
                error,
                Integer.MAX_VALUE);
        keys.forEach(key -> put(backend, key, TestChunks.META));
        assertThat(regularFiles(root)).filteredOn(StorageFaultTest::isChunk).hasSizeBetween(8, 10);
        files.heal();
    }

    @ParameterizedTest
    @ValueSource(strings = {"Function not implemented", "No locks available", "Operation not supported"})
    void fileSystemWithoutLocksStoresEvictsAndKeepsWhatNobodyCanProveDead(String error) throws IOException {
        backend.close();
        files.fail(Call.LOCK, error, Integer.MAX_VALUE);
        Path writers = root.resolve(".lmcache/writers");
        Path unknown = Files.createFile(writers.resolve("1-00000000000000aa-00000000000000aa.lock"));
        long limit = 10 * (ChunkFileFormat.HEADER_BYTES + TestChunks.META.byteSize());
        backend = TestBackends.open(files, root, "max_bytes", Long.toString(limit));
        List<ChunkKey> keys = TestChunks.keys(20);
        keys.forEach(key -> store(backend, key));
        assertThat(holds(backend, keys.getLast())).isTrue();
        assertThat(regularFiles(root)).filteredOn(StorageFaultTest::isChunk).hasSizeBetween(1, 10);
        backend.close();
        assertThat(regularFiles(writers)).containsExactly(unknown);
    }

    @ParameterizedTest
    @EnumSource(names = {"OPEN", "WRITE", "RENAME"})
    void fileSystemThatHasBytesButNoInodesHasAChunkMakeRoomForAnother(Call call) throws IOException {
        List<ChunkKey> keys = TestChunks.keys(40);
        keys.forEach(key -> store(backend, key));
        files.fail(call, StorageFaultTest::isTemporary, "No space left on device", 2);
        ChunkKey another = TestChunks.key(40);
        store(backend, another);
        assertThat(holds(backend, another)).isTrue();
        assertThat(count(backend, BackendCounter.EVICTED)).isBetween(1L, 39L);
        assertThat(count(backend, BackendCounter.IO_ERRORS)).isZero();
    }

    @ParameterizedTest
    @EnumSource(names = {"OPEN", "WRITE", "RENAME", "CREATE_DIRECTORY"})
    void fileSystemThatTurnsReadOnlyDeclinesAndGoesOnServing(Call call) throws IOException {
        store(backend, KEY);
        files.fail(call, path -> !isChunk(path), "Read-only file system", Integer.MAX_VALUE);
        assertThat(put(backend, TestChunks.key(2), TestChunks.META))
                .isInstanceOfSatisfying(
                        PutOutcome.Declined.class,
                        declined -> assertThat(declined.reason()).isEqualTo(DeclineReason.UNAVAILABLE));
        assertThat(holds(backend, KEY)).isTrue();
        assertThat(count(backend, BackendCounter.IO_ERRORS)).isZero();
        files.heal();
        store(backend, TestChunks.key(2));
    }

    @Test
    void writerWithoutLocksIsNotTakenForDeadByOneThatHasThem() throws Exception {
        backend.close();
        files.fail(Call.LOCK, "No locks available", Integer.MAX_VALUE);
        backend = TestBackends.open(files, root);
        Path temporary = Files.createFile(Files.createDirectories(root.resolve("aa/bb"))
                .resolve("." + writersIn(root).getFirst() + ".999999.tmp"));
        String dead = "1-0000000000000000-0000000000000000";
        Path marker = Files.createFile(temporary.resolveSibling("." + dead + ".1.tmp"));
        Files.createFile(root.resolve(".lmcache/writers").resolve(dead + ".lock"));
        assertThat(SharingChild.sweep(root)).isZero();
        assertThat(marker).doesNotExist();
        assertThat(temporary).exists();
        assertThat(writersIn(root)).hasSize(1);
        Files.delete(temporary);
    }

    private static List<String> writersIn(Path root) throws IOException {
        return regularFiles(root.resolve(".lmcache/writers")).stream()
                .map(file -> String.valueOf(file.getFileName()).replace(".lock", ""))
                .toList();
    }

    @Test
    void longFirstCountDeclinesAndIsNoFailure() throws Exception {
        List<ChunkKey> keys = TestChunks.keys(200);
        keys.forEach(key -> store(backend, key));
        backend.close();
        files.delayMetadata(TimeUnit.MILLISECONDS.toNanos(20));
        backend = TestBackends.open(files, root, "max_bytes", "100000000");
        for (int number = 200; number < 210; number++) {
            try (BufferLease lease = TestChunks.lease(backend.allocator(), TestChunks.key(number), TestChunks.META)) {
                assertThat(backend.put(TestChunks.key(number), TestChunks.META, lease))
                        .succeedsWithin(PATIENCE)
                        .isInstanceOfSatisfying(
                                PutOutcome.Declined.class,
                                declined -> assertThat(declined.reason()).isEqualTo(DeclineReason.BUSY));
            }
            assertThat(holds(backend, keys.getFirst())).isTrue();
        }
        files.delayMetadata(0);
        TestBackends.awaitTrue(
                () -> !(put(backend, TestChunks.key(300), TestChunks.META) instanceof PutOutcome.Declined),
                () -> "not counted");
    }

    @Test
    void lockThatFailsLeavesNoFileBehind() throws IOException {
        files.fail(Call.LOCK, path -> path.toString().contains("writers"), EIO, 1);
        assertThatThrownBy(() -> TestBackends.open(files, root)).hasMessageContaining(EIO);
        // That of the backend that is open.
        assertThat(regularFiles(root.resolve(".lmcache/writers"))).hasSize(1);
    }

    @Test
    void emptyDirectoryInTheChunksPlaceMakesRoomForTheChunk() throws IOException {
        Files.createDirectories(file(root, KEY));
        assertThat(holds(backend, KEY)).isFalse();
        store(backend, KEY);
        assertThat(holds(backend, KEY)).isTrue();
    }

    @Test
    void directoryOfFilesInTheChunksPlaceGoesToQuarantine() throws IOException {
        Path directory = Files.createDirectories(file(root, KEY));
        Files.writeString(directory.resolve("note"), "of somebody");
        store(backend, KEY);
        assertThat(holds(backend, KEY)).isTrue();
        assertThat(regularFiles(root.resolve(".lmcache/quarantine")))
                .singleElement()
                .satisfies(file -> assertThat(file).hasContent("of somebody"));
    }

    @Test
    void chunkIsNotPublishedBeforeItsFileIsClosed() {
        store(backend, KEY);
        assertThat(files.made())
                .filteredOn(made -> made.path().toString().endsWith(".tmp"))
                .extracting(InjectedFiles.Made::call)
                .containsSubsequence(Call.OPEN, Call.WRITE, Call.CLOSE, Call.RENAME);
    }

    @ParameterizedTest
    @EnumSource(names = {"WRITE", "CLOSE"})
    void quotaThatIsUsedUpDeclinesAsAFullDiskDoes(Call call) {
        files.fail(call, StorageFaultTest::isTemporary, EDQUOT, Integer.MAX_VALUE);
        assertThat(put(backend, KEY, TestChunks.META)).isInstanceOfSatisfying(PutOutcome.Declined.class, declined -> {
            assertThat(declined.reason()).isEqualTo(DeclineReason.FULL);
            assertThat(declined.message()).contains("quota");
        });
        files.heal();
        assertThat(count(backend, BackendCounter.IO_ERRORS)).isZero();
        store(backend, KEY);
    }

    @ParameterizedTest
    @EnumSource(names = {"OPEN", "WRITE", "RENAME"})
    void fileSystemThatHasBytesButNoInodesDeclinesAsAFullDiskDoes(Call call) {
        files.fail(call, StorageFaultTest::isTemporary, "No space left on device", Integer.MAX_VALUE);
        assertThat(put(backend, KEY, TestChunks.META))
                .isInstanceOfSatisfying(
                        PutOutcome.Declined.class,
                        declined -> assertThat(declined.reason()).isEqualTo(DeclineReason.FULL));
        files.heal();
        assertThat(count(backend, BackendCounter.IO_ERRORS)).isZero();
        store(backend, KEY);
    }

    @Test
    void writeThatHasNotBegunIsCalledOffAndGivesItsMemoryBack() throws Exception {
        reopen("io_threads", "1");
        CountDownLatch hangs = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        files.beforeNext(Call.WRITE, StorageFaultTest::isTemporary, () -> {
            hangs.countDown();
            awaitLatch(goOn);
        });
        CompletableFuture<PutOutcome> first = beginPut(KEY);
        awaitLatch(hangs);
        long heldByOne = backend.allocator().usedBytes();
        ChunkKey waiting = TestChunks.key(2);
        CompletableFuture<PutOutcome> second = beginPut(waiting);
        assertThat(backend.allocator().usedBytes()).isEqualTo(2 * heldByOne);
        second.cancel(false);
        assertThat(backend.allocator().usedBytes()).isEqualTo(heldByOne);
        // It has begun: it keeps its memory, and nobody stops it.
        first.cancel(false);
        assertThat(backend.allocator().usedBytes()).isEqualTo(heldByOne);
        goOn.countDown();
        store(backend, TestChunks.key(3));
        assertThat(holds(backend, KEY)).isTrue();
        assertThat(file(root, waiting)).doesNotExist();
        assertThat(backend.allocator().usedBytes()).isZero();
        store(backend, waiting);
    }

    @ParameterizedTest
    @EnumSource(names = {"OPEN", "WRITE", "RENAME"})
    void errorOnAnIoThreadFailsThePutAndLeavesNothing(Call call) {
        files.beforeNext(call, StorageFaultTest::isTemporary, () -> {
            throw new OutOfMemoryError("of the test");
        });
        assertThat(beginPut(KEY))
                .failsWithin(PATIENCE)
                .withThrowableThat()
                .havingRootCause()
                .isInstanceOf(OutOfMemoryError.class);
        assertThat(backend.allocator().usedBytes()).isZero();
        store(backend, KEY);
    }

    @ParameterizedTest
    @EnumSource(names = {"OPEN", "READ"})
    void errorOnAnIoThreadFailsTheGetAndLeavesNothing(Call call) {
        store(backend, KEY);
        files.beforeNext(call, StorageFaultTest::isChunk, () -> {
            throw new StackOverflowError("of the test");
        });
        assertThat(backend.get(KEY, backend.allocator()))
                .failsWithin(PATIENCE)
                .withThrowableThat()
                .havingRootCause()
                .isInstanceOf(StackOverflowError.class);
        assertThat(backend.allocator().usedBytes()).isZero();
        assertThat(holds(backend, KEY)).isTrue();
    }

    private CompletableFuture<PutOutcome> beginPut(ChunkKey key) {
        try (BufferLease lease = TestChunks.lease(backend.allocator(), key, TestChunks.META)) {
            return backend.put(key, TestChunks.META, lease);
        }
    }

    private static void awaitLatch(CountDownLatch latch) {
        try {
            assertThat(latch.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void fileThatCannotBeForcedToDiskIsNotPublished() throws IOException {
        reopen("fsync", "data");
        files.fail(Call.FSYNC, EIO, 1);
        assertPutFails(EIO);
    }

    @Test
    void directoryThatCannotBeForcedToDiskTakesItsNewFileAlong() throws IOException {
        reopen("fsync", "full");
        files.fail(Call.FSYNC, Files::isDirectory, EIO, 1);
        assertPutFails(EIO);
        assertThat(holds(backend, KEY)).isFalse();
        store(backend, KEY);
    }

    @Test
    void failedReadFailsItsGetAndTheNextOneSucceeds() {
        store(backend, KEY);
        files.fail(Call.READ, StorageFaultTest::isChunk, EIO, 1);
        assertThat(backend.get(KEY, backend.allocator()))
                .failsWithin(PATIENCE)
                .withThrowableThat()
                .havingRootCause()
                .withMessage(EIO);
        assertThat(backend.allocator().usedBytes()).isZero();
        assertThat(count(backend, BackendCounter.IO_ERRORS)).isEqualTo(1);
        assertThat(count(backend, BackendCounter.CORRUPT)).isZero();
        assertThat(holds(backend, KEY)).isTrue();
    }

    @Test
    void failedLookupFailsItsFuture() {
        files.fail(Call.STAT, StorageFaultTest::isChunk, EIO, 1);
        assertThat(backend.containsPrefix(List.of(KEY)))
                .failsWithin(PATIENCE)
                .withThrowableThat()
                .havingRootCause()
                .withMessageContaining(EIO);
    }

    @ParameterizedTest
    @EnumSource(names = {"STAT", "OPEN", "READ"})
    void staleHandleIsTriedOnceMore(Call call) {
        store(backend, KEY);
        reopen();
        files.fail(call, StorageFaultTest::isChunk, ESTALE, 1);
        assertThat(holds(backend, KEY)).isTrue();
        assertThat(count(backend, BackendCounter.IO_ERRORS)).isZero();
    }

    @ParameterizedTest
    @EnumSource(names = {"STAT", "OPEN", "READ"})
    void handleThatStaysStaleIsAFailureNotALoop(Call call) {
        store(backend, KEY);
        reopen();
        files.forget();
        files.fail(call, StorageFaultTest::isChunk, ESTALE, 1000);
        assertThat(backend.get(KEY, backend.allocator()))
                .failsWithin(PATIENCE)
                .withThrowableThat()
                .havingRootCause()
                .withMessageContaining(ESTALE);
        assertThat(files.made())
                .filteredOn(made -> made.call() == call && isChunk(made.path()))
                .hasSizeBetween(2, 4);
        files.heal();
        assertThat(holds(backend, KEY)).isTrue();
    }

    @Test
    void chunkThatAPeerRemovesFromAStaleHandleIsAMiss() {
        store(backend, KEY);
        files.fail(Call.READ, StorageFaultTest::isChunk, ESTALE, 1);
        files.beforeNext(Call.READ, StorageFaultTest::isChunk, this::removeChunk);
        assertThat(holds(backend, KEY)).isFalse();
        assertThat(count(backend, BackendCounter.IO_ERRORS)).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {ENOENT, ESTALE})
    void fileThatVanishesInTheSetupOfDirectIoIsTriedOnceMore(String reason) {
        assumeTrue(DirectIo.probe(root).isEmpty(), "the file system of " + root + " does not take O_DIRECT");
        reopen("use_direct_io", "true");
        store(backend, KEY);
        reopen("use_direct_io", "true");
        files.fail(Call.DIRECT_SETUP, StorageFaultTest::isChunk, reason, 1);
        assertThat(holds(backend, KEY)).isTrue();
        assertThat(count(backend, BackendCounter.IO_ERRORS)).isZero();
    }

    @Test
    void staleLookupIsTriedOnceMore() {
        store(backend, KEY);
        reopen();
        files.fail(Call.STAT, StorageFaultTest::isChunk, ESTALE, 1);
        assertThat(await(backend.containsPrefix(List.of(KEY)))).isEqualTo(1);
    }

    @Test
    void directoryThatAPeerReplacedIsNoObstacleToAPut() {
        files.fail(Call.OPEN, StorageFaultTest::isTemporary, ESTALE, 1);
        store(backend, KEY);
        assertThat(holds(backend, KEY)).isTrue();
    }

    @Test
    void fileThatVanishesBetweenLookupAndReadIsAMiss() {
        store(backend, KEY);
        reopen();
        assertThat(await(backend.containsPrefix(List.of(KEY)))).isEqualTo(1);
        files.beforeNext(Call.OPEN, StorageFaultTest::isChunk, this::removeChunk);
        assertThat(holds(backend, KEY)).isFalse();
        assertThat(count(backend, BackendCounter.IO_ERRORS)).isZero();
        assertThat(await(backend.containsPrefix(List.of(KEY)))).isZero();
    }

    @Test
    void fileThatVanishesBetweenStatAndOpenIsAMiss() {
        store(backend, KEY);
        reopen();
        files.beforeNext(Call.OPEN, StorageFaultTest::isChunk, this::removeChunk);
        assertThat(holds(backend, KEY)).isFalse();
        assertThat(count(backend, BackendCounter.IO_ERRORS)).isZero();
    }

    private void removeChunk() {
        try {
            Files.delete(file(root, KEY));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void directoriesThatAPeerCreatesFirstAreNoObstacle() {
        for (int number = 0; number < 16; number++) {
            ChunkKey key = TestChunks.key(number);
            Path chunk = file(root, key);
            files.beforeNext(Call.CREATE_DIRECTORY, chunk::startsWith, () -> createParents(chunk));
            store(backend, key);
            assertThat(holds(backend, key)).isTrue();
        }
    }

    private static void createParents(Path file) {
        try {
            Files.createDirectories(file.resolveSibling("."));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
