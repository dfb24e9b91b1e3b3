package io.lmcache.api.memory;

import io.lmcache.api.memory.SlabAllocator.PressureHook;
import io.lmcache.reliability.Orders;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.stream.IntStream;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.junit.jupiter.api.Test;

/** Allocations, shared leases and releases of several threads: as if one came after the other. */
public class SlabAllocatorLincheckTest {
    private static final long PAGE = OffsetAllocator.ALIGNMENT;
    private static final PressureHook NOTHING_TO_GIVE_UP = _ -> {};
    private static final int MOST_THREADS = 8;

    private final SlabAllocator slab =
            new SlabAllocator("slab", new DeviceBuffer(PAGE, 4 * PAGE, 0), NOTHING_TO_GIVE_UP);
    // Each thread's own: who takes whose lease would be chance.
    private final List<Deque<BufferLease>> leases = IntStream.range(0, MOST_THREADS)
            .<Deque<BufferLease>>mapToObj(_ -> new ArrayDeque<>())
            .toList();

    /** Where the buffer lies; -1 when there is no room. */
    @Operation
    public long allocate(
            @Param(gen = ThreadIdGen.class) int thread, @Param(gen = IntGen.class, conf = "1:3") int pages) {
        BufferLease lease = slab.tryAllocate(pages * PAGE).orElse(null);
        if (lease == null) {
            return -1;
        }
        leases.get(thread).push(lease);
        return ((DeviceBuffer) lease.buffer()).address();
    }

    @Operation
    public long used() {
        return slab.usedBytes();
    }

    @Operation
    public boolean share(@Param(gen = ThreadIdGen.class) int thread) {
        Deque<BufferLease> own = leases.get(thread);
        return !own.isEmpty() && own.add(own.element().share());
    }

    @Operation
    public boolean release(@Param(gen = ThreadIdGen.class) int thread) {
        BufferLease lease = leases.get(thread).poll();
        if (lease == null) {
            return false;
        }
        lease.close();
        return true;
    }

    @Test
    void everyOrderIsAsIfOneCallCameAfterTheOther() {
        Orders.check(getClass());
    }
}
