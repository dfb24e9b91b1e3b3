package io.lmcache.testkit;

import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.api.memory.SlabAllocator;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A JUnit extension that fails a test after which memory of a watched allocator is still leased.
 *
 * <p>Register an instance in a field with {@link org.junit.jupiter.api.extension.RegisterExtension}, not static. It looks
 * after the test's own {@code @AfterEach} methods have run, and gives an operation that has just ended the time to close
 * its lease. Thread-safe.
 */
public final class LeakCheck implements AfterEachCallback {
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private final List<BufferAllocator> watched = new CopyOnWriteArrayList<>();
    private final List<HostRegion> regions = new CopyOnWriteArrayList<>();

    /** A check that watches nothing so far. */
    public LeakCheck() {}

    /** Watches an allocator until the test has ended; it stays its owner's. */
    public <A extends BufferAllocator> A watch(A allocator) {
        watched.add(allocator);
        return allocator;
    }

    /** A watched allocator over fresh host memory, which ends with the test. */
    public SlabAllocator hostAllocator(String name, long bytes) {
        HostRegion region = new HostRegion(bytes);
        regions.add(region);
        return watch(new SlabAllocator(name, new HostBuffer(region.segment()), needed -> {}));
    }

    @Override
    public void afterEach(ExtensionContext context) {
        try {
            watched.forEach(LeakCheck::requireUnused);
        } finally {
            watched.clear();
            regions.forEach(HostRegion::close);
            regions.clear();
        }
    }

    private static void requireUnused(BufferAllocator allocator) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (allocator.usedBytes() > 0 && System.nanoTime() - end < 0) {
            LockSupport.parkNanos(Duration.ofMillis(5).toNanos());
        }
        if (allocator.usedBytes() > 0) {
            throw leak(allocator);
        }
    }

    private static AssertionError leak(BufferAllocator allocator) {
        AssertionError leak = new AssertionError("After the test " + allocator.usedBytes() + " bytes of allocator '"
                + allocator.name() + "' are still leased");
        if (allocator instanceof SlabAllocator slab) {
            addPlaces(slab, leak);
        }
        return leak;
    }

    /** A slab that leaks refuses to close, and says where its leases were taken. */
    private static void addPlaces(SlabAllocator slab, AssertionError leak) {
        try {
            slab.close();
        } catch (LmcacheException e) {
            leak.addSuppressed(e);
        }
    }

    @Override
    public String toString() {
        return "LeakCheck" + watched;
    }
}
