package io.lmcache.backend.gds.io;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.backend.gds.cuda.CudaDevice;
import io.lmcache.backend.gds.cuda.CudaEvent;
import io.lmcache.backend.gds.cuda.CudaStream;
import io.lmcache.backend.gds.cuda.DeviceMemory;
import io.lmcache.backend.gds.cuda.ResourceStack;
import io.lmcache.backend.gds.kernel.CudaKernels;
import io.lmcache.backend.gds.kernel.DeviceCrc32c;
import io.lmcache.backend.posix.io.PieceTransfer;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What one thread needs to bring bytes to a device and back: two page-locked slices, each as long as a piece, and a
 * stream.
 *
 * <p>A piece moves in parts of 1 MiB, so that the copy of one part runs while the CPU is at the next; and in turns through
 * the two slices, so that the last copies of one piece run while the next is read. For one thread at a time, on which the
 * device's context is current.
 */
final class Staging {
    /** The page-locked memory that a staging takes. */
    static final long BYTES = 2 * PieceTransfer.PIECE_BYTES;

    private static final long PART_BYTES = 1 << 20;

    /** What the CPU does with a part of a piece. */
    @FunctionalInterface
    interface PartAction {
        /**
         * Fills or uses page-locked memory.
         *
         * @param offset where the part begins within the piece
         */
        void run(MemorySegment part, long offset) throws IOException;
    }

    /** Page-locked memory for a piece, with an event for the copy of each part. */
    private record Slice(MemorySegment memory, List<CudaEvent> events) {
        MemorySegment part(long offset, long pieceBytes) {
            return memory.asSlice(offset, Math.min(PART_BYTES, pieceBytes - offset));
        }

        CudaEvent event(long offset) {
            return events.get((int) (offset / PART_BYTES));
        }

        void await() throws IOException {
            for (CudaEvent event : events) {
                event.await();
            }
        }
    }

    private final CudaStream stream;
    private final Slice[] slices;
    private final DeviceChecksum checksum;
    private int turn;

    private Staging(CudaStream stream, Slice[] slices, Optional<DeviceCrc32c> kernel) {
        this.stream = stream;
        this.slices = slices;
        this.checksum = kernel.<DeviceChecksum>map(crc -> region -> crc.compute(List.of(region))[0])
                .orElseGet(() -> new StagedChecksum(this));
    }

    /**
     * A staging over page-locked memory, which stays the caller's.
     *
     * @param memory {@link #BYTES} of it
     * @param kernels what computes checksums on the device; empty to compute them on the host
     * @param resources takes what the staging has to close
     */
    static Staging create(
            CudaDevice device, MemorySegment memory, Optional<CudaKernels> kernels, ResourceStack resources)
            throws IOException {
        CudaStream stream = resources.add(device.newStream());
        long half = PieceTransfer.PIECE_BYTES;
        Slice[] slices = {
            newSlice(device, memory.asSlice(0, half), resources),
            newSlice(device, memory.asSlice(half, half), resources)
        };
        Optional<DeviceCrc32c> kernel = Optional.empty();
        if (kernels.isPresent()) {
            DeviceMemory scratch = resources.add(device.allocate(DeviceCrc32c.SCRATCH_BYTES));
            kernel = Optional.of(new DeviceCrc32c(kernels.get().on(stream.handle()), scratch.buffer()));
        }
        return new Staging(stream, slices, kernel);
    }

    private static Slice newSlice(CudaDevice device, MemorySegment memory, ResourceStack resources) throws IOException {
        List<CudaEvent> events = new ArrayList<>();
        for (long offset = 0; offset < memory.byteSize(); offset += PART_BYTES) {
            events.add(resources.add(device.newEvent()));
        }
        return new Slice(memory, List.copyOf(events));
    }

    /** Fills a region of a piece at most, part by part. The copies may end after this returns; see {@link #drain}. */
    void copyIn(DeviceBuffer target, PartAction fill) throws IOException {
        Slice slice = nextSlice();
        for (long offset = 0; offset < target.byteSize(); offset += PART_BYTES) {
            MemorySegment part = slice.part(offset, target.byteSize());
            fill.run(part, offset);
            stream.copyToDevice(part, target.slice(offset, part.byteSize()));
            slice.event(offset).record(stream);
        }
    }

    /** Hands over a region of a piece at most, part by part. */
    void copyOut(DeviceBuffer source, PartAction use) throws IOException {
        Slice slice = nextSlice();
        for (long offset = 0; offset < source.byteSize(); offset += PART_BYTES) {
            MemorySegment part = slice.part(offset, source.byteSize());
            stream.copyToHost(source.slice(offset, part.byteSize()), part);
            slice.event(offset).record(stream);
        }
        for (long offset = 0; offset < source.byteSize(); offset += PART_BYTES) {
            slice.event(offset).await();
            use.run(slice.part(offset, source.byteSize()), offset);
        }
    }

    /** What computes checksums of device memory, on this staging's thread. */
    DeviceChecksum checksum() {
        return checksum;
    }

    /** The slice that was not used last, when its copies are done. */
    private Slice nextSlice() throws IOException {
        turn = 1 - turn;
        slices[turn].await();
        return slices[turn];
    }

    /** Waits until all copies are done, also those that a failure has left without an event. */
    void drain() throws IOException {
        stream.synchronize();
    }
}
