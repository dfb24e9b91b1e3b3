package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.store;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.backend.posix.InjectedFiles.Call;
import io.lmcache.testkit.TestChunks;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A file system whose calls do not return: whoever calls gets an answer all the same, and nothing is left behind later. */
@Tag("slow")
class HangTest {
    private static final Duration BOUND = Duration.ofSeconds(45);
    private static final List<ChunkKey> KEYS = TestChunks.keys(20);

    @TempDir
    private Path folder;

    /** A test with a file system of its own. */
    private interface Trial {
        void run(Path root, InjectedFiles files, Set<Call> hanging) throws Exception;
    }

    /** All at the same time, since most of it is waiting. */
    private void each(Collection<Set<Call>> kinds, Trial trial) {
        Map<Set<Call>, CompletableFuture<Void>> trials = new LinkedHashMap<>();
        for (Set<Call> hanging : kinds) {
            trials.put(
                    hanging,
                    CompletableFuture.runAsync(
                            () -> run(trial, hanging),
                            task -> Thread.ofPlatform().start(task)));
        }
        trials.forEach((hanging, ended) -> assertThat(ended.handle((_, failure) -> failure))
                .as("%s", hanging)
                .succeedsWithin(BOUND.multipliedBy(2))
                .isNull());
    }

    private void run(Trial trial, Set<Call> hanging) {
        InjectedFiles files = new InjectedFiles();
        try {
            Path root = Files.createTempDirectory(folder, "root");
            trial.run(root, files, hanging);
            assertNothingIsLeft(root);
        } catch (Exception e) {
            throw new AssertionError(e);
        } finally {
            files.heal();
        }
    }

    private static void assertNothingIsLeft(Path root) throws Exception {
        Path writers = root.resolve(".lmcache/writers");
        TestBackends.awaitTrue(
                () -> TestBackends.regularFiles(writers).isEmpty(),
                () -> TestBackends.regularFiles(writers).toString());
        assertThat(TestBackends.regularFiles(root))
                .noneMatch(file -> file.toString().endsWith(".tmp"));
    }

    private static List<Set<Call>> each(Set<Call> calls) {
        return calls.stream().map(Set::of).toList();
    }

    private static void within(Runnable call) {
        assertThat(CompletableFuture.runAsync(call, task -> Thread.ofPlatform().start(task)))
                .succeedsWithin(BOUND);
    }

    @Test
    void openFailsWithASentenceAndWhatComesUpLateTakesItselfDown() {
        each(
                each(EnumSet.of(Call.STAT, Call.CREATE_DIRECTORY, Call.OPEN, Call.LOCK, Call.STATFS)),
                (root, files, hanging) -> {
                    files.hang(hanging);
                    within(() -> assertThatThrownBy(() -> TestBackends.open(files, root))
                            .isInstanceOfSatisfying(
                                    LmcacheException.class,
                                    e -> assertThat(e.code()).isEqualTo(ErrorCode.START_FAILED))
                            .hasMessageContaining("has not answered"));
                    files.heal();
                    try (StorageBackend backend = TestBackends.open(files, root)) {
                        store(backend, KEYS.getFirst());
                    }
                });
    }

    @Test
    void closeReturnsWhateverHangs() {
        each(each(EnumSet.allOf(Call.class)), HangTest::closeWhile);
        each(List.of(EnumSet.allOf(Call.class)), HangTest::closeWhile);
    }

    /** A close may find memory in use; one after the file system has come back does not. */
    private static void closeWhile(Path root, InjectedFiles files, Set<Call> hanging) {
        StorageBackend backend = TestBackends.open(files, root, "fsync", "full", "max_bytes", "100000");
        KEYS.forEach(key -> TestBackends.put(backend, key, TestChunks.META));
        files.hang(hanging);
        List<CompletableFuture<?>> underway = useAll(backend);
        within(() -> {
            Throwable leak = catchThrowable(backend::close);
            if (leak != null) {
                assertThat(leak)
                        .isInstanceOfSatisfying(
                                LmcacheException.class,
                                e -> assertThat(e.code()).isEqualTo(ErrorCode.LEAK));
            }
        });
        files.heal();
        underway.forEach(one -> assertThat(one.handle((_, _) -> true)).succeedsWithin(BOUND));
        within(backend::close);
        assertThat(backend.allocator().usedBytes()).isZero();
    }

    private static List<CompletableFuture<?>> useAll(StorageBackend backend) {
        int others = KEYS.size();
        return List.of(
                put(backend, TestChunks.key(others)),
                put(backend, TestChunks.key(others + 1)),
                backend.get(KEYS.getLast(), backend.allocator())
                        .thenAccept(found -> found.ifPresent(chunk -> chunk.close())),
                backend.confirmPrefix(KEYS),
                backend.tryInvalidate(KEYS.get(3)));
    }

    private static CompletableFuture<PutOutcome> put(StorageBackend backend, ChunkKey key) {
        try (BufferLease lease = TestChunks.lease(backend.allocator(), key, TestChunks.META)) {
            return backend.put(key, TestChunks.META, lease);
        }
    }

    @Test
    void clearReturnsAndGoesOnLater() {
        each(each(EnumSet.of(Call.LIST, Call.STAT, Call.DELETE)), (root, files, hanging) -> {
            try (StorageBackend backend = TestBackends.open(files, root)) {
                KEYS.forEach(key -> store(backend, key));
                files.hang(hanging);
                within(() -> assertThatThrownBy(backend::clear)
                        .isInstanceOf(UncheckedIOException.class)
                        .hasMessageContaining("has not answered"));
                files.heal();
                TestBackends.awaitTrue(
                        () -> TestBackends.regularFiles(root).stream()
                                .noneMatch(file -> file.toString().endsWith(".safetensors")),
                        () -> "chunks are left");
            }
        });
    }
}
