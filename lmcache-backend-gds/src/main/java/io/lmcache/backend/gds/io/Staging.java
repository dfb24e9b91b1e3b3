package io.lmcache.backend.gds.io;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.chunkfiles.io.PieceTransfer;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.CudaEvent;
import io.lmcache.cuda.CudaStream;
import io.lmcache.cuda.DeviceMemory;
import io.lmcache.cuda.ResourceStack;
import io.lmcache.cuda.kernel.CudaKernels;
import io.lmcache.cuda.kernel.DeviceCrc32c;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * What one thread needs to bring bytes to a device and back: two page-locked slices, each as long as a piece.
 *
 * <p>The slices are used in turns, so that one is filled while the other is copied. A piece is copied whole: a copy has a
 * fixed cost on the bus, which tells in copies of 1 MiB.
 *
 * <p>For one thread at a time, on which the device's context is current.
 */
final class Staging {
    /** The page-locked memory that a staging takes. */
    static final long BYTES = 2 * PieceTransfer.PIECE_BYTES;

    /** What the CPU does with a piece. */
    @FunctionalInterface
    interface PieceAction {
        /** Fills or uses page-locked memory. */
        void run(MemorySegment piece) throws IOException;
    }

    /** Page-locked memory for a piece, with an event for the end of its copy. */
    private record Slice(MemorySegment memory, CudaEvent copied) {}

    // Shared by all stagings: the bus loses time between copies of different streams.
    private final CudaStream toDevice;
    private final CudaStream toHost;
    private final Slice[] slices;
    private final DeviceChecksum checksum;
    private int turn;

    private Staging(CudaStream toDevice, CudaStream toHost, Slice[] slices, Optional<DeviceCrc32c> kernel) {
        this.toDevice = toDevice;
        this.toHost = toHost;
        this.slices = slices;
        this.checksum = kernel.<DeviceChecksum>map(crc -> region -> crc.compute(List.of(region))[0])
                .orElseGet(() -> new StagedChecksum(this));
    }

    /**
     * A staging over page-locked memory, which stays the caller's.
     *
     * @param memory {@link #BYTES} of it
     * @param toDevice where copies to the device are queued
     * @param kernels what computes checksums on the device; empty to compute them on the host
     * @param resources takes what the staging has to close
     */
    static Staging create(
            CudaDevice device,
            MemorySegment memory,
            CudaStream toDevice,
            Optional<CudaKernels> kernels,
            ResourceStack resources)
            throws IOException {
        CudaStream toHost = resources.add(device.newStream());
        long half = PieceTransfer.PIECE_BYTES;
        Slice[] slices = {
            new Slice(memory.asSlice(0, half), resources.add(device.newEvent())),
            new Slice(memory.asSlice(half, half), resources.add(device.newEvent()))
        };
        Optional<DeviceCrc32c> kernel = Optional.empty();
        if (kernels.isPresent()) {
            DeviceMemory scratch = resources.add(device.allocate(DeviceCrc32c.SCRATCH_BYTES));
            kernel = Optional.of(new DeviceCrc32c(kernels.get().on(toHost.handle()), scratch.buffer()));
        }
        return new Staging(toDevice, toHost, slices, kernel);
    }

    /** Fills a region of a piece at most. The copy may end after this returns. */
    void copyIn(DeviceBuffer target, PieceAction fill) throws IOException {
        Slice slice = nextSlice();
        MemorySegment piece = slice.memory.asSlice(0, target.byteSize());
        fill.run(piece);
        toDevice.copyToDevice(piece, target);
        slice.copied.record(toDevice);
    }

    /** Hands over a region of a piece at most. */
    void copyOut(DeviceBuffer source, PieceAction use) throws IOException {
        Slice slice = nextSlice();
        MemorySegment piece = slice.memory.asSlice(0, source.byteSize());
        toHost.copyToHost(source, piece);
        slice.copied.record(toHost);
        slice.copied.await();
        use.run(piece);
    }

    /** What computes checksums of device memory, on this staging's thread. */
    DeviceChecksum checksum() {
        return checksum;
    }

    /** Waits for what a failure has left on the way to the host. */
    void drain() throws IOException {
        toHost.synchronize();
    }

    /** The slice that was not used last, when its copy is done. */
    private Slice nextSlice() throws IOException {
        turn = 1 - turn;
        slices[turn].copied.await();
        return slices[turn];
    }
}
