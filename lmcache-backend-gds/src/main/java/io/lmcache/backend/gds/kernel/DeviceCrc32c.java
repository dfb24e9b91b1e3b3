package io.lmcache.backend.gds.kernel;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.DeviceBuffer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * CRC-32C of device memory, computed where it lies: the same number that {@link java.util.zip.CRC32C} gives for the same
 * bytes. For one thread at a time, as its stream is.
 */
public final class DeviceCrc32c {
    /** The length of the scratch memory, in bytes. */
    public static final long SCRATCH_BYTES = (long) Parameter.MAX_MESSAGES * Integer.BYTES;

    // Of crc32c.cu: a thread block takes 8 segments of 2048 words.
    private static final long BYTES_PER_BLOCK = 8L * 2048 * Integer.BYTES;

    private final KernelStream stream;
    private final DeviceBuffer scratch;
    private final MemorySegment hostRemainders;
    private final MemorySegment zeros;
    private final Parameter parameter;

    /**
     * Checksums on that stream.
     *
     * @param stream where the work is queued
     * @param scratch {@link #SCRATCH_BYTES} of the stream's device for this object alone, 4-byte aligned; stays the
     *     caller's
     */
    public DeviceCrc32c(KernelStream stream, DeviceBuffer scratch) {
        if (scratch.byteSize() != SCRATCH_BYTES || scratch.address() % Integer.BYTES != 0) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "CRC scratch memory is " + scratch + ", but needs " + SCRATCH_BYTES + " bytes at a multiple of 4");
        }
        requireDevice(stream, scratch);
        Arena arena = Arena.ofAuto();
        this.stream = stream;
        this.scratch = scratch;
        this.hostRemainders = arena.allocate(SCRATCH_BYTES, Integer.BYTES);
        this.zeros = arena.allocate(SCRATCH_BYTES, Integer.BYTES);
        this.parameter = new Parameter(arena);
    }

    /**
     * The checksums of these regions, in their order. Waits for the stream, and so for whatever fills the regions on it.
     *
     * @param messages regions of the stream's device that start at multiples of 4 bytes, of any length
     * @throws IOException when CUDA fails
     */
    public int[] compute(List<DeviceBuffer> messages) throws IOException {
        messages.forEach(this::requireReadable);
        int[] crcs = new int[messages.size()];
        for (int first = 0; first < crcs.length; first += Parameter.MAX_MESSAGES) {
            int end = Math.min(crcs.length, first + Parameter.MAX_MESSAGES);
            List<DeviceBuffer> batch = messages.subList(first, end);
            computeRemainders(batch);
            for (int i = 0; i < batch.size(); i++) {
                int remainder = hostRemainders.getAtIndex(ValueLayout.JAVA_INT, i);
                crcs[first + i] = Remainders.crc32c(remainder, batch.get(i).byteSize());
            }
        }
        return crcs;
    }

    private void requireReadable(DeviceBuffer message) {
        requireDevice(stream, message);
        if (message.address() % Integer.BYTES != 0) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "Cannot take the CRC of " + message + ": a region starts at a multiple of 4 bytes");
        }
    }

    private static void requireDevice(KernelStream stream, DeviceBuffer buffer) {
        if (buffer.ordinal() != stream.ordinal()) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "CRC on device " + stream.ordinal() + " cannot use " + buffer + "; take a stream of its device");
        }
    }

    private void computeRemainders(List<DeviceBuffer> batch) throws IOException {
        parameter.set(scratch, batch);
        long longest = batch.stream().mapToLong(DeviceBuffer::byteSize).max().orElseThrow();
        int blocks = Math.toIntExact(Math.max(1, Math.ceilDiv(longest, BYTES_PER_BLOCK)));
        stream.copyToDevice(zeros, scratch);
        stream.launch("crc32c", new Grid(blocks, batch.size(), 1), parameter.segment);
        stream.copyToHost(scratch, hostRemainders);
        stream.synchronize();
    }

    /** The struct {@code Crc} of crc32c.cu: a pointer, then a pointer and a length for each message. */
    private static final class Parameter {
        private static final int MAX_MESSAGES = 64;

        private final MemorySegment segment;

        private Parameter(Arena arena) {
            this.segment = arena.allocate(Long.BYTES + MAX_MESSAGES * 2L * Long.BYTES, Long.BYTES);
        }

        private void set(DeviceBuffer remainders, List<DeviceBuffer> messages) {
            segment.setAtIndex(ValueLayout.JAVA_LONG, 0, remainders.address());
            for (int i = 0; i < messages.size(); i++) {
                segment.setAtIndex(
                        ValueLayout.JAVA_LONG, 1 + 2L * i, messages.get(i).address());
                segment.setAtIndex(
                        ValueLayout.JAVA_LONG, 2 + 2L * i, messages.get(i).byteSize());
            }
        }
    }
}
