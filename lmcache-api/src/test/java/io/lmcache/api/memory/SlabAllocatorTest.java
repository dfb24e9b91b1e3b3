package io.lmcache.api.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SlabAllocatorTest {
    private static final int PAGE = 4096;
    private static final int PAGES = 8;

    private final HostRegion region = new HostRegion(PAGES * PAGE);
    private final List<Long> relieved = new ArrayList<>();
    private final SlabAllocator slab = new SlabAllocator("slab", new HostBuffer(region.segment()), relieved::add);

    @AfterEach
    void closeRegion() {
        region.close();
    }

    @Test
    void leaseHasTheBytesAskedForAtAPageBoundary() {
        try (BufferLease first = allocate(5000);
                BufferLease second = allocate(1)) {
            assertThat(first.buffer().byteSize()).isEqualTo(5000);
            assertThat(second.buffer().byteSize()).isEqualTo(1);
            assertThat(address(first) % PAGE).isZero();
            assertThat(address(second) % PAGE).isZero();
            assertThat(slab.usedBytes()).isEqualTo(3 * PAGE);
        }
        assertThat(slab.usedBytes()).isZero();
        assertThat(slab.peakBytes()).isEqualTo(3 * PAGE);
        assertThat(slab.limitBytes()).isEqualTo(PAGES * PAGE);
    }

    @Test
    void fullSlabAsksForReliefOnceAndThenDeclines() {
        try (BufferLease all = allocate(PAGES * PAGE)) {
            assertThat(slab.tryAllocate(100)).isEmpty();
            assertThat(relieved).containsExactly(100L);
            assertThat(all.isSole()).isTrue();
        }
        assertThat(slab.tryAllocate(PAGES * PAGE + 1)).isEmpty();
        assertThat(relieved).as("no relief makes room beyond the limit").hasSize(1);
    }

    @Test
    void reliefMakesRoomForTheAllocationThatAsked() {
        List<BufferLease> cached = new ArrayList<>();
        SlabAllocator own = new SlabAllocator(
                "own",
                new HostBuffer(region.segment()),
                bytes -> cached.removeLast().close());
        cached.add(own.tryAllocate(PAGES * PAGE).orElseThrow());

        try (BufferLease lease = own.tryAllocate(PAGE).orElseThrow()) {
            assertThat(lease.buffer().byteSize()).isEqualTo(PAGE);
            assertThat(cached).isEmpty();
        }
    }

    @Test
    void allocatorWorksAfterAHookThatThrew() {
        SlabAllocator own = new SlabAllocator("own", new HostBuffer(region.segment()), bytes -> {
            throw new IllegalStateException("hook");
        });
        try (BufferLease all = own.tryAllocate(PAGES * PAGE).orElseThrow()) {
            assertThat(all.isSole()).isTrue();
            assertThatThrownBy(() -> own.tryAllocate(1)).hasMessage("hook");
        }
        own.tryAllocate(1).orElseThrow().close();
    }

    @Test
    void memoryGoesBackWithTheLastShare() {
        BufferLease first = allocate(PAGE);
        BufferLease second = first.share();
        assertThat(address(second)).isEqualTo(address(first));
        assertThat(first.isSole()).isFalse();

        first.close();
        first.close();
        assertThat(slab.usedBytes()).isEqualTo(PAGE);
        assertThat(second.isSole()).isTrue();

        second.close();
        assertThat(slab.usedBytes()).isZero();
    }

    @Test
    void closedLeaseCannotBeUsed() {
        BufferLease lease = allocate(PAGE);
        lease.close();

        assertCode(lease::buffer, ErrorCode.CLOSED);
        assertCode(lease::share, ErrorCode.CLOSED);
    }

    @Test
    void closeWithOpenLeasesSaysWhereTheyWereTaken() {
        try (BufferLease lease = allocate(5000)) {
            assertThat(lease.isSole()).isTrue();
            assertThatThrownBy(slab::close)
                    .hasMessageContaining("'slab' has 1 open leases of together 8192 bytes")
                    .satisfies(e -> assertThat(e.getSuppressed())
                            .singleElement()
                            .satisfies(place -> assertThat(place.getStackTrace())
                                    .anyMatch(frame -> frame.getClassName()
                                            .equals(getClass().getName()))))
                    .isInstanceOfSatisfying(
                            LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.LEAK));
        }
        slab.close();
    }

    @Test
    void closedAllocatorGivesNothingAndClosesAgain() {
        slab.close();
        slab.close();

        assertCode(() -> slab.tryAllocate(1), ErrorCode.CLOSED);
    }

    @Test
    void sizesBelowOneAreRejected() {
        assertCode(() -> slab.tryAllocate(0), ErrorCode.INVALID_ARGUMENT);
        assertCode(() -> slab.tryAllocate(-1), ErrorCode.INVALID_ARGUMENT);
    }

    @Test
    void deviceMemoryIsCutWithoutBeingTouched() {
        SlabAllocator device = new SlabAllocator("device", new DeviceBuffer(1 << 20, PAGES * PAGE, 3), bytes -> {});
        try (BufferLease first = device.tryAllocate(1).orElseThrow();
                BufferLease second = device.tryAllocate(100).orElseThrow()) {
            assertThat(device.domain()).isEqualTo(MemoryDomain.DEVICE);
            assertThat(first.buffer()).isEqualTo(new DeviceBuffer(1 << 20, 1, 3));
            assertThat(second.buffer()).isEqualTo(new DeviceBuffer((1 << 20) + PAGE, 100, 3));
        }
        device.close();
    }

    /** Each thread writes its own pattern over what it leases and looks whether it stays. */
    @Test
    void noTwoThreadsGetTheSameBytes() throws Exception {
        long seed = new Random().nextLong();
        List<Callable<Long>> tasks = new ArrayList<>();
        SlabAllocator own = new SlabAllocator("own", new HostBuffer(region.segment()), bytes -> {});
        for (int thread = 1; thread <= 4; thread++) {
            byte pattern = (byte) thread;
            tasks.add(() -> hammer(own, new Random(seed + pattern), pattern));
        }
        long granted = 0;
        try (ExecutorService threads = Executors.newFixedThreadPool(tasks.size())) {
            for (Future<Long> task : threads.invokeAll(tasks, 30, TimeUnit.SECONDS)) {
                granted += task.get();
            }
        }
        assertThat(granted).as("granted with seed %d", seed).isPositive();
        assertThat(own.usedBytes()).as("used with seed %d", seed).isZero();
        assertThat(own.peakBytes()).as("peak with seed %d", seed).isLessThanOrEqualTo(own.limitBytes());
        own.close();
    }

    private static long hammer(SlabAllocator slab, Random random, byte pattern) {
        long granted = 0;
        for (int step = 0; step < 5_000; step++) {
            Optional<BufferLease> room = slab.tryAllocate(1 + random.nextInt(3 * PAGE));
            if (room.isPresent()) {
                granted++;
                writeAndVerify(room.get(), random, pattern);
            }
        }
        return granted;
    }

    private static void writeAndVerify(BufferLease lease, Random random, byte pattern) {
        MemorySegment bytes = ((HostBuffer) lease.buffer()).segment();
        bytes.fill(pattern);
        try (BufferLease share = lease.share()) {
            lease.close();
            long offset = random.nextLong(bytes.byteSize());
            assertThat(bytes.get(ValueLayout.JAVA_BYTE, offset)).isEqualTo(pattern);
            assertThat(share.isSole()).isTrue();
        }
    }

    private BufferLease allocate(long bytes) {
        return slab.tryAllocate(bytes).orElseThrow();
    }

    private static long address(BufferLease lease) {
        return ((HostBuffer) lease.buffer()).segment().address();
    }

    private static void assertCode(Runnable call, ErrorCode code) {
        assertThatThrownBy(call::run)
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(code));
    }
}
