package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.await;
import static io.lmcache.backend.posix.TestBackends.file;
import static io.lmcache.backend.posix.TestBackends.holds;
import static io.lmcache.backend.posix.TestBackends.put;
import static io.lmcache.backend.posix.TestBackends.regularFiles;
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
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Several backends on one directory. */
class SharingTest {
    @TempDir
    private Path root;

    @Test
    void chunkThatOneRemovedIsAMissForTheOtherAndCanBeStoredAgain() {
        ChunkKey key = TestChunks.key(1);
        try (StorageBackend one = TestBackends.open(root);
                StorageBackend other = TestBackends.open(root)) {
            store(one, key);
            assertThat(holds(other, key)).isTrue();
            one.clear();
            assertThat(holds(other, key)).isFalse();
            store(other, key);
            assertThat(holds(one, key)).isTrue();
        }
    }

    @Test
    void chunkOfAnotherIsFoundAtTheNextLookupAfterAMiss() {
        List<ChunkKey> keys = TestChunks.keys(3);
        try (StorageBackend one = TestBackends.open(root);
                StorageBackend other = TestBackends.open(root)) {
            for (int stored = 0; stored < keys.size(); stored++) {
                assertThat(await(one.containsPrefix(keys))).isEqualTo(stored);
                assertThat(holds(one, keys.get(stored))).isFalse();
                store(other, keys.get(stored));
                assertThat(await(one.containsPrefix(keys))).isEqualTo(stored + 1);
                assertThat(holds(one, keys.get(stored))).isTrue();
            }
        }
    }

    @Test
    void chunkThatAnotherRemovedIsNotConfirmedFromMemory() {
        List<ChunkKey> keys = TestChunks.keys(3);
        try (StorageBackend one = TestBackends.open(root);
                StorageBackend other = TestBackends.open(root)) {
            keys.forEach(key -> store(one, key));
            assertThat(await(one.confirmPrefix(keys))).isEqualTo(3);
            assertThat(await(other.tryInvalidate(keys.get(1)))).isTrue();
            assertThat(await(one.confirmPrefix(keys))).isEqualTo(1);
            assertThat(await(one.containsPrefix(keys))).isEqualTo(1);
            store(one, keys.get(1));
            assertThat(await(other.confirmPrefix(keys))).isEqualTo(3);
        }
    }

    @Test
    void putOfAChunkThatAnotherRemovedStoresItAgain() {
        ChunkKey key = TestChunks.key(1);
        try (StorageBackend one = TestBackends.open(root);
                StorageBackend other = TestBackends.open(root)) {
            store(one, key);
            assertThat(await(other.tryInvalidate(key))).isTrue();
            assertThat(await(one.containsPrefix(List.of(key)))).isEqualTo(1);
            store(one, key);
            assertThat(holds(other, key)).isTrue();
        }
    }

    @Test
    void instancesOfOtherModelsRanksLayoutsAndTagsSeeTheirOwnOnly() {
        KvLayout otherLayout = KvLayout.kv(KvDtype.HALF, 2, 4, 8);
        List<KeyScope> scopes = List.of(
                TestChunks.SCOPE,
                KeyScope.of("test/other", TestChunks.LAYOUT),
                KeyScope.of(TestChunks.SCOPE.model(), otherLayout),
                TestChunks.SCOPE.inWorld(2, 0),
                TestChunks.SCOPE.inWorld(2, 1),
                TestChunks.SCOPE.withTags(Map.of("tenant", "a")));
        try (StorageBackend one = TestBackends.open(root);
                StorageBackend other = TestBackends.open(root)) {
            for (int stored = 0; stored < scopes.size(); stored++) {
                ChunkKey key = TestChunks.key(scopes.get(stored), 1);
                assertThat(put(one, key, new ChunkMeta(key.scope().layout(), 256)))
                        .isEqualTo(PutOutcome.stored());
                for (int scope = 0; scope < scopes.size(); scope++) {
                    assertThat(holds(other, TestChunks.key(scopes.get(scope), 1)))
                            .as("%s after %s", scopes.get(scope), scopes.get(stored))
                            .isEqualTo(scope <= stored);
                }
            }
        }
    }

    @Test
    void backendThatClosesLeavesTheOthersTemporariesAndLocksAlone() throws IOException {
        try (StorageBackend one = TestBackends.open(root)) {
            try (StorageBackend other = TestBackends.open(root)) {
                store(other, TestChunks.key(1));
            }
            List<Path> locks = regularFiles(root.resolve(".lmcache/writers"));
            assertThat(locks).hasSize(1);
            store(one, TestChunks.key(2));
            assertThat(holds(one, TestChunks.key(1))).isTrue();
        }
    }

    @Test
    void putsGetsAndRemovalsOfTwoWritersNeverYieldWrongBytes() {
        long seed = new Random().nextLong();
        try (StorageBackend one = TestBackends.open(root, "max_bytes", "3000000");
                StorageBackend other = TestBackends.open(root, "max_bytes", "3000000")) {
            List<CompletableFuture<Long>> workers = IntStream.range(0, 4)
                    .mapToObj(worker -> CompletableFuture.supplyAsync(
                            () -> hits(worker % 2 == 0 ? one : other, new Random(seed + worker)),
                            Thread::startVirtualThread))
                    .toList();
            long hits = workers.stream().mapToLong(TestBackends::await).sum();

            assertThat(hits).as("seed %d", seed).isPositive();
            assertThat(TestBackends.count(one, BackendCounter.CORRUPT)
                            + TestBackends.count(other, BackendCounter.CORRUPT))
                    .as("seed %d", seed)
                    .isZero();
        }
    }

    private static long hits(StorageBackend backend, Random random) {
        long hits = 0;
        for (int step = 0; step < 300; step++) {
            ChunkKey key = TestChunks.key(random.nextInt(60));
            switch (random.nextInt(8)) {
                case 0 -> await(backend.tryInvalidate(key));
                case 1, 2, 3 -> put(backend, key, TestChunks.META);
                default -> hits += holds(backend, key) ? 1 : 0;
            }
        }
        return hits;
    }

    @Test
    void manyInstancesMayWriteOneKeyAtATime() throws IOException {
        ChunkKey key = TestChunks.key(1);
        try (StorageBackend one = TestBackends.open(root);
                StorageBackend other = TestBackends.open(root)) {
            for (int round = 0; round < 20; round++) {
                CompletableFuture<PutOutcome> first =
                        CompletableFuture.supplyAsync(() -> put(one, key, TestChunks.META), Thread::startVirtualThread);
                PutOutcome second = put(other, key, TestChunks.META);
                assertThat(List.of(await(first), second))
                        .contains(PutOutcome.stored())
                        .isSubsetOf(PutOutcome.stored(), PutOutcome.alreadyPresent());
                assertThat(holds(one, key)).isTrue();
                assertThat(holds(other, key)).isTrue();
                assertThat(await(one.tryInvalidate(key))).isTrue();
            }
            assertThat(file(root, key)).doesNotExist();
            assertThat(regularFiles(root)).noneMatch(file -> file.toString().endsWith(".tmp"));
        }
    }
}
