package io.lmcache.backend.cpu;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.reliability.Orders;
import io.lmcache.testkit.TestChunks;
import java.util.Optional;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Test;

/** Chunks that come, are read and go: a reader gets one that is there, and nothing is counted or leased twice. */
public class ChunkIndexLincheckTest {
    private static final long BYTES = TestChunks.META.byteSize();

    private final SlabAllocator slab = new SlabAllocator("slab", new DeviceBuffer(4096, 4 * BYTES, 0), _ -> {});
    private final ChunkIndex index = new ChunkIndex(EvictionPolicy.FIFO, 4 * BYTES);

    @Operation
    public boolean add(@Param(gen = IntGen.class, conf = "0:1") int number) {
        return slab.tryAllocate(BYTES)
                .map(lease -> {
                    boolean added = index.add(TestChunks.key(number), new CachedChunk(TestChunks.META, lease));
                    if (!added) {
                        lease.close();
                    }
                    return added;
                })
                .orElse(false);
    }

    @Operation
    public boolean read(@Param(gen = IntGen.class, conf = "0:1") int number) {
        Optional<StoredChunk> chunk = index.find(TestChunks.key(number)).flatMap(CachedChunk::share);
        chunk.ifPresent(found -> found.lease().close());
        return chunk.isPresent();
    }

    @Operation
    public boolean remove(@Param(gen = IntGen.class, conf = "0:1") int number) {
        return index.remove(TestChunks.key(number));
    }

    @Validate
    public void whatIsCountedIsWhatIsLeased() {
        if (index.bytes() != slab.usedBytes()) {
            throw new IllegalStateException(index.bytes() + " bytes counted, " + slab.usedBytes() + " leased");
        }
    }

    @Test
    void everyOrderIsAsIfOneCallCameAfterTheOther() {
        // Caffeine's own maintenance is too much to choose the order of.
        Orders.checkOnThreads(getClass());
    }
}
