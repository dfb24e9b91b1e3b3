package io.lmcache.cuda.paged;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.OffsetAllocator;
import io.lmcache.cuda.ResourceStack;
import io.lmcache.cuda.kernel.KernelStream;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Device memory that chunks in host memory pass through on their way to and from a paged cache. There are two buffers and a
 * stream for copies beside the request's, so that one chunk is on the bus while another is scattered or gathered.
 *
 * <p>For one thread at a time. Close it before the memory goes.
 */
final class DeviceStaging implements Closeable {
    /** What is done with a chunk on the device: a scatter or a gather, queued on the request's stream. */
    @FunctionalInterface
    interface Work {
        /** Queues it. */
        void with(DeviceBuffer chunk) throws IOException;
    }

    /** A buffer, with the ends of the last copy and of the last work that used it. */
    private record Slot(DeviceBuffer memory, KernelStream.Event copied, KernelStream.Event worked) {}

    private final KernelStream stream;
    private final KernelStream.Owned copies;
    private final Slot[] slots;
    private final ResourceStack resources;
    private int turn;

    private DeviceStaging(KernelStream stream, KernelStream.Owned copies, Slot[] slots, ResourceStack resources) {
        this.stream = stream;
        this.copies = copies;
        this.slots = slots;
        this.resources = resources;
    }

    /** The device memory that is needed for chunks of up to so many bytes. */
    static long deviceBytes(long chunkBytes) {
        return OffsetAllocator.aligned(chunkBytes) + chunkBytes;
    }

    /**
     * Staging for chunks of up to so many bytes.
     *
     * @param stream the request's stream
     * @param memory {@link #deviceBytes} of its device; stays the caller's
     */
    static DeviceStaging open(KernelStream stream, DeviceBuffer memory, long chunkBytes) throws IOException {
        ResourceStack resources = new ResourceStack();
        boolean opened = false;
        try {
            KernelStream.Owned copies = resources.add(stream.newStream());
            Slot[] slots = new Slot[2];
            for (int i = 0; i < slots.length; i++) {
                DeviceBuffer half = memory.slice(i * OffsetAllocator.aligned(chunkBytes), chunkBytes);
                slots[i] = new Slot(half, resources.add(stream.newEvent()), resources.add(stream.newEvent()));
            }
            opened = true;
            return new DeviceStaging(stream, copies, slots, resources);
        } finally {
            if (!opened) {
                resources.close();
            }
        }
    }

    /** The longest chunk that there is room for, in bytes. */
    long chunkBytes() {
        return slots[0].memory.byteSize();
    }

    /** Queues a copy of the chunk and its scatter then; the answer is when its host memory is not needed any more. */
    KernelStream.Event bring(MemorySegment chunk, Work scatter) throws IOException {
        Slot slot = nextSlot();
        DeviceBuffer staged = slot.memory.slice(0, chunk.byteSize());
        copies.waitFor(slot.worked);
        copies.copyToDevice(chunk, staged);
        copies.record(slot.copied);
        stream.waitFor(slot.copied);
        scatter.with(staged);
        stream.record(slot.worked);
        return slot.copied;
    }

    /** Queues a gather of the chunk and its copy then, and records the event where its host memory holds it. */
    void take(MemorySegment chunk, Work gather, KernelStream.Event taken) throws IOException {
        Slot slot = nextSlot();
        DeviceBuffer staged = slot.memory.slice(0, chunk.byteSize());
        stream.waitFor(slot.copied);
        gather.with(staged);
        stream.record(slot.worked);
        copies.waitFor(slot.worked);
        copies.copyToHost(staged, chunk);
        copies.record(slot.copied);
        copies.record(taken);
    }

    private Slot nextSlot() {
        turn = 1 - turn;
        return slots[turn];
    }

    /** Waits for copies that a failure has left behind. */
    void drain() throws IOException {
        copies.synchronize();
    }

    @Override
    public void close() throws IOException {
        resources.close();
    }
}
