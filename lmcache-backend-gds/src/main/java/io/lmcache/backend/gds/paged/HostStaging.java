package io.lmcache.backend.gds.paged;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.OffsetAllocator;
import io.lmcache.backend.gds.cuda.ResourceStack;
import io.lmcache.backend.gds.kernel.KernelStream;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Device memory that chunks in host memory pass through on their way to a paged cache. There are two buffers and a stream
 * for copies beside the request's, so that one chunk is on the bus while the one before it is scattered.
 *
 * <p>For one thread at a time. Close it before the memory goes.
 */
final class HostStaging implements Closeable {
    /** What is done with a chunk that has come to the device; queued on the request's stream. */
    @FunctionalInterface
    interface Scatter {
        /** Queues it. */
        void from(DeviceBuffer chunk) throws IOException;
    }

    private record Slot(DeviceBuffer memory, KernelStream.Mark copied, KernelStream.Mark scattered) {}

    private final KernelStream stream;
    private final KernelStream.Owned copies;
    private final Slot[] slots;
    private final ResourceStack resources;
    private int turn;

    private HostStaging(KernelStream stream, KernelStream.Owned copies, Slot[] slots, ResourceStack resources) {
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
    static HostStaging open(KernelStream stream, DeviceBuffer memory, long chunkBytes) throws IOException {
        ResourceStack resources = new ResourceStack();
        boolean opened = false;
        try {
            KernelStream.Owned copies = resources.add(stream.newStream());
            Slot[] slots = new Slot[2];
            for (int i = 0; i < slots.length; i++) {
                DeviceBuffer half = memory.slice(i * OffsetAllocator.aligned(chunkBytes), chunkBytes);
                slots[i] = new Slot(half, resources.add(stream.newMark()), resources.add(stream.newMark()));
            }
            opened = true;
            return new HostStaging(stream, copies, slots, resources);
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

    /** Room for a chunk that is gathered, until the request's stream is past what is queued with it. */
    DeviceBuffer forGather(long bytes) {
        return slots[turn].memory.slice(0, bytes);
    }

    /** Queues a copy of the chunk and what is done with it then; the answer is when its host memory is not needed any more. */
    KernelStream.Mark bring(MemorySegment chunk, Scatter scatter) throws IOException {
        turn = 1 - turn;
        Slot slot = slots[turn];
        DeviceBuffer staged = slot.memory.slice(0, chunk.byteSize());
        copies.waitFor(slot.scattered);
        copies.copyToDevice(chunk, staged);
        copies.set(slot.copied);
        stream.waitFor(slot.copied);
        scatter.from(staged);
        stream.set(slot.scattered);
        return slot.copied;
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
