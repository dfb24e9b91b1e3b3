package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.server.ChunkStaging.Room;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Who gets the memory that chunks are staged in, when it does not suffice for all. */
class ChunkStagingTest {
    private static final long CHUNK = 4096;
    private static final Duration LONG = Duration.ofMinutes(1);
    private static final Duration NONE = Duration.ZERO;

    private final Arena arena = Arena.ofShared();
    private final SlabAllocator memory =
            new SlabAllocator("staging", new HostBuffer(arena.allocate(4 * CHUNK, CHUNK)), _ -> {});
    private final ChunkStaging staging = new ChunkStaging(memory);

    @AfterEach
    void everythingWasGivenBack() {
        assertThat(memory.usedBytes()).isZero();
        memory.close();
        arena.close();
    }

    private static List<Long> chunks(int count) {
        return Collections.nCopies(count, CHUNK);
    }

    private CompletableFuture<List<Room>> leaseElsewhere(int count) {
        return CompletableFuture.supplyAsync(() -> staging.lease(chunks(count), LONG), Thread::startVirtualThread);
    }

    private static void close(List<Room> rooms) {
        rooms.forEach(Room::close);
    }

    @Test
    void aStoreGetsWhatThereIsWhenItsPatienceEnds() {
        List<Room> first = staging.lease(chunks(3), NONE);
        List<Room> second = staging.lease(chunks(3), Duration.ofMillis(20));
        assertThat(first).hasSize(3);
        assertThat(second).hasSize(1);
        close(first);
        close(second);
    }

    @Test
    void aStoreWaitsForWhatOthersGiveBack() {
        List<Room> first = staging.lease(chunks(4), NONE);
        CompletableFuture<List<Room>> second = leaseElsewhere(3);
        close(first);
        assertThat(second.join()).hasSize(3);
        close(second.join());
    }

    @Test
    void aStoreThatNeedsMoreThanThereIsDoesNotWaitForItself() {
        List<Room> all = staging.lease(chunks(9), LONG);
        assertThat(all).hasSize(4);
        close(all);
    }

    @Test
    void storesAreServedInTheOrderOfTheirAsking() {
        List<Room> first = staging.lease(chunks(3), NONE);
        CompletableFuture<List<Room>> large = leaseElsewhere(4);
        while (memory.usedBytes() < 4 * CHUNK) {
            Thread.onSpinWait();
        }
        CompletableFuture<List<Room>> small = leaseElsewhere(1);
        close(first);
        assertThat(large.join()).hasSize(4);
        assertThat(small).isNotDone();
        close(large.join());
        assertThat(small.join()).hasSize(1);
        close(small.join());
    }

    @Test
    void roomIsGivenBackOnce() {
        List<Room> rooms = staging.lease(chunks(1), NONE);
        close(rooms);
        close(rooms);
        List<Room> all = staging.lease(chunks(5), LONG);
        assertThat(all).hasSize(4);
        close(all);
    }
}
