package io.lmcache.cuda.paged;

import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.OffsetAllocator;
import io.lmcache.cuda.ResourceStack;
import io.lmcache.cuda.kernel.KernelStream;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Device memory that chunks in host memory pass through on their way to and from a paged cache. There are two buffers and a
 * stream for copies beside the request's, so that chunks are on the bus while others are scattered or gathered.
 *
 * <p>On the way to the cache a buffer takes several chunks, which are scattered together: a GPU that an engine in another
 * process keeps busy lets a kernel wait for its turn, and that once for each kernel.
 *
 * <p>For one thread at a time. Close it before the memory goes.
 */
final class DeviceStaging implements Closeable {
    private static final int MOST_CHUNKS = 16;
    private static final int FEWEST_CHUNKS = 4;
    private static final long SLOT_BYTES = 128L << 20;

    /** What is done with a chunk on the device, queued on the request's stream. */
    @FunctionalInterface
    interface Gather {
        /** Queues it. */
        void into(DeviceBuffer chunk) throws IOException;
    }

    /** What is done with chunks on the device, queued on the request's stream. */
    @FunctionalInterface
    interface Scatter {
        /** Queues it. */
        void of(List<ChunkBuffer> chunks) throws IOException;
    }

    /** A buffer, with the ends of the last copy and of the last work that used it. */
    private record Slot(DeviceBuffer memory, KernelStream.Event copied, KernelStream.Event worked) {}

    private final KernelStream stream;
    private final KernelStream.Owned copies;
    private final long chunkBytes;
    private final Scatter scatter;
    private final Slot[] slots;
    private final ResourceStack resources;
    /** What is in the slot whose turn it is, or on its way there, and not scattered yet. */
    private final List<ChunkBuffer> brought = new ArrayList<>();

    private int turn;

    private DeviceStaging(
            KernelStream stream,
            KernelStream.Owned copies,
            long chunkBytes,
            Scatter scatter,
            Slot[] slots,
            ResourceStack resources) {
        this.stream = stream;
        this.copies = copies;
        this.chunkBytes = chunkBytes;
        this.scatter = scatter;
        this.slots = slots;
        this.resources = resources;
    }

    /** The device memory that is needed for chunks of up to so many bytes. */
    static long deviceBytes(long chunkBytes) {
        return 2 * slotBytes(chunkBytes);
    }

    private static long slotBytes(long chunkBytes) {
        return together(chunkBytes) * OffsetAllocator.aligned(chunkBytes);
    }

    /** How many chunks are scattered together: enough to hide the wait of a kernel behind the copies of the next ones. */
    private static int together(long chunkBytes) {
        return Math.toIntExact(Math.clamp(SLOT_BYTES / chunkBytes, FEWEST_CHUNKS, MOST_CHUNKS));
    }

    /**
     * Staging for chunks of up to so many bytes.
     *
     * @param stream the request's stream
     * @param memory {@link #deviceBytes} of its device; stays the caller's
     * @param scatter what is done with the chunks that are brought
     */
    static DeviceStaging open(KernelStream stream, DeviceBuffer memory, long chunkBytes, Scatter scatter)
            throws IOException {
        ResourceStack resources = new ResourceStack();
        boolean opened = false;
        try {
            KernelStream.Owned copies = resources.add(stream.newStream());
            Slot[] slots = new Slot[2];
            for (int i = 0; i < slots.length; i++) {
                DeviceBuffer half = memory.slice(i * slotBytes(chunkBytes), slotBytes(chunkBytes));
                slots[i] = new Slot(half, resources.add(stream.newEvent()), resources.add(stream.newEvent()));
            }
            opened = true;
            return new DeviceStaging(stream, copies, chunkBytes, scatter, slots, resources);
        } finally {
            if (!opened) {
                resources.close();
            }
        }
    }

    /** The longest chunk that there is room for, in bytes. */
    long chunkBytes() {
        return chunkBytes;
    }

    /**
     * Queues a copy of the chunk, and its scatter with that of the chunks before when there is room for no more.
     *
     * @param taken is recorded when the chunk's host memory is not needed any more
     */
    void bring(TokenRange range, MemorySegment chunk, KernelStream.Event taken) throws IOException {
        if (brought.isEmpty()) {
            turn = 1 - turn;
            copies.waitFor(slots[turn].worked);
        }
        long place = brought.size() * OffsetAllocator.aligned(chunkBytes);
        DeviceBuffer staged = slots[turn].memory.slice(place, chunk.byteSize());
        copies.copyToDevice(chunk, staged);
        copies.record(taken);
        brought.add(new ChunkBuffer(range, staged));
        if (brought.size() == together(chunkBytes)) {
            scatterBrought();
        }
    }

    /** Whether the chunk's scatter is not queued yet. */
    boolean holds(TokenRange range) {
        return brought.stream().anyMatch(chunk -> chunk.range().equals(range));
    }

    /** Queues the scatter of what is not scattered yet. */
    void scatterBrought() throws IOException {
        if (brought.isEmpty()) {
            return;
        }
        Slot slot = slots[turn];
        copies.record(slot.copied);
        stream.waitFor(slot.copied);
        List<ChunkBuffer> chunks = List.copyOf(brought);
        // Also when it fails: what was not scattered by then must not be later.
        brought.clear();
        scatter.of(chunks);
        stream.record(slot.worked);
    }

    /** Queues a gather of the chunk and its copy then, and sets the event to where its host memory holds it. */
    void take(MemorySegment chunk, Gather gather, KernelStream.Event taken) throws IOException {
        scatterBrought();
        turn = 1 - turn;
        Slot slot = slots[turn];
        DeviceBuffer staged = slot.memory.slice(0, chunk.byteSize());
        stream.waitFor(slot.copied);
        gather.into(staged);
        stream.record(slot.worked);
        copies.waitFor(slot.worked);
        copies.copyToHost(staged, chunk);
        copies.record(slot.copied);
        copies.record(taken);
    }

    /** Waits for copies that a failure has left behind, and forgets what they brought. */
    void drain() throws IOException {
        brought.clear();
        copies.synchronize();
    }

    @Override
    public void close() throws IOException {
        resources.close();
    }
}
