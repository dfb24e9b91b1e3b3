package io.lmcache.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.testkit.FaultyBackend.Operation;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class FaultyBackendTest {
    @RegisterExtension
    final LeakCheck leaks = new LeakCheck();

    private final SlabAllocator memory = leaks.hostAllocator("caller", 1 << 20);
    private final FaultyBackend faulty =
            new FaultyBackend(new ExampleBackend(new ExampleBackend.Disk(), Long.MAX_VALUE >> 1));

    @AfterEach
    void close() {
        faulty.close();
    }

    @Test
    void everyMethodReachesTheWrappedBackend() throws Exception {
        List<Method> called = new ArrayList<>();
        StorageBackend recorder = (StorageBackend) Proxy.newProxyInstance(
                StorageBackend.class.getClassLoader(), new Class<?>[] {StorageBackend.class}, (_, method, _) -> {
                    called.add(method);
                    return method.getReturnType() == CompletableFuture.class
                            ? CompletableFuture.completedFuture(null)
                            : null;
                });
        StorageBackend wrapper = new FaultyBackend(recorder);
        // A put shares the lease before it passes it on.
        try (BufferLease lease = TestChunks.lease(memory, TestChunks.key(1), TestChunks.META)) {
            for (Method method : StorageBackend.class.getMethods()) {
                called.clear();
                method.invoke(
                        wrapper,
                        Arrays.stream(method.getParameterTypes())
                                .map(type -> type == BufferLease.class ? lease : null)
                                .toArray());
                assertThat(called).as("what %s calls", method).containsExactly(method);
            }
        }
    }

    @Test
    void scriptIsPlayedOneStepACall() {
        put(TestChunks.key(1)).join();
        faulty.on(Operation.GET).pass(1).fail(2, () -> new IOException("disk on fire"));

        assertThat(found(get(1))).isTrue();
        assertThat(get(1)).failsWithin(10, TimeUnit.SECONDS).withThrowableThat().withMessageContaining("disk on fire");
        assertThat(get(1)).failsWithin(10, TimeUnit.SECONDS).withThrowableThat().withCauseInstanceOf(IOException.class);
        assertThat(found(get(1))).isTrue();
        assertThat(faulty.on(Operation.GET).calls()).isEqualTo(4);
    }

    @Test
    void operationsHaveScriptsOfTheirOwn() {
        faulty.on(Operation.PUT).fail(1, IOException::new);

        assertThat(faulty.containsPrefix(TestChunks.keys(1)).join()).isZero();
        assertThat(faulty.tryInvalidate(TestChunks.key(1)).join()).isFalse();
        assertThat(put(TestChunks.key(1))).failsWithin(10, TimeUnit.SECONDS);
        assertThat(found(get(1))).isFalse();
    }

    @Test
    void putThatHangsKeepsTheBytesUntilItIsReleased() {
        faulty.on(Operation.PUT).hang(1);
        CompletableFuture<PutOutcome> put = put(TestChunks.key(1));

        assertThat(put).isNotDone();
        assertThat(faulty.on(Operation.PUT).hanging()).isEqualTo(1);
        assertThat(memory.usedBytes()).isEqualTo(TestChunks.META.byteSize());

        faulty.on(Operation.PUT).release();
        assertThat(put.join()).isEqualTo(PutOutcome.stored());
        assertThat(found(get(1))).isTrue();
    }

    @Test
    void closeReleasesWhatHangs() {
        faulty.on(Operation.CONTAINS_PREFIX).hang(1);
        CompletableFuture<Integer> prefix = faulty.containsPrefix(List.of());
        assertThat(prefix).isNotDone();

        faulty.close();
        assertThat(prefix).succeedsWithin(10, TimeUnit.SECONDS);
    }

    @Test
    void wrongArgumentThrowsAndLeavesNoLease() {
        ChunkKey key = TestChunks.key(1);
        ChunkMeta tooLong = new ChunkMeta(TestChunks.LAYOUT, TestChunks.META.tokens() + 1);
        try (BufferLease lease = TestChunks.lease(memory, key, TestChunks.META)) {
            assertThatThrownBy(() -> faulty.put(key, tooLong, lease))
                    .isInstanceOfSatisfying(
                            LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.LAYOUT_MISMATCH));
            assertThat(lease.isSole()).isTrue();
        }
    }

    private CompletableFuture<PutOutcome> put(ChunkKey key) {
        try (BufferLease lease = TestChunks.lease(memory, key, TestChunks.META)) {
            return faulty.put(key, TestChunks.META, lease);
        }
    }

    private CompletableFuture<Optional<StoredChunk>> get(int number) {
        return faulty.get(TestChunks.key(number), memory);
    }

    private static boolean found(CompletableFuture<Optional<StoredChunk>> get) {
        Optional<StoredChunk> chunk = get.join();
        chunk.ifPresent(StoredChunk::close);
        return chunk.isPresent();
    }
}
