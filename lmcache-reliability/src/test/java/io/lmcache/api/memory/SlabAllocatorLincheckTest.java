package io.lmcache.api.memory;

import io.lmcache.api.memory.SlabAllocator.PressureHook;
import io.lmcache.reliability.Orders;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.junit.jupiter.api.Test;

/** Allocations, shared leases and releases of several threads: as if one came after the other. */
public class SlabAllocatorLincheckTest {
    private static final long PAGE = OffsetAllocator.ALIGNMENT;
    private static final PressureHook NOTHING_TO_GIVE_UP = _ -> {};

    private final SlabAllocator slab =
            new SlabAllocator("slab", new DeviceBuffer(PAGE, 4 * PAGE, 0), NOTHING_TO_GIVE_UP);
    private final Deque<BufferLease> leases = new ArrayDeque<>();

    /** Where the buffer lies; -1 when there is no room. */
    @Operation
    public long allocate(@Param(gen = IntGen.class, conf = "1:3") int pages) {
        return slab.tryAllocate(pages * PAGE).map(this::keep).orElse(-1L);
    }

    private long keep(BufferLease lease) {
        synchronized (leases) {
            leases.add(lease);
        }
        return ((DeviceBuffer) lease.buffer()).address();
    }

    @Operation
    public long used() {
        return slab.usedBytes();
    }

    @Operation
    public boolean share() {
        synchronized (leases) {
            return !leases.isEmpty() && leases.add(leases.element().share());
        }
    }

    @Operation
    public boolean release() {
        BufferLease lease;
        synchronized (leases) {
            lease = leases.poll();
        }
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
