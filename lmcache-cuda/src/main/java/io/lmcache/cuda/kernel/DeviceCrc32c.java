package io.lmcache.cuda.kernel;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.crc.Crc32cCombine;
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
    // What is queued before the host waits for it: a wait for each launch would take longer than small messages do.
    private static final int MAX_QUEUED = 16 * Parameter.MAX_MESSAGES;

    /** The length of the scratch memory, in bytes. */
    public static final long SCRATCH_BYTES = (long) MAX_QUEUED * Integer.BYTES;

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
        for (int first = 0; first < crcs.length; first += MAX_QUEUED) {
            List<DeviceBuffer> queued = messages.subList(first, Math.min(crcs.length, first + MAX_QUEUED));
            computeRemainders(queued);
            finish(queued, crcs, first);
        }
        return crcs;
    }

    /** Most messages are as long as the one before, and what depends on the length alone is the costly part. */
    private void finish(List<DeviceBuffer> messages, int[] crcs, int first) {
        long length = -1;
        int start = 0;
        for (int i = 0; i < messages.size(); i++) {
            if (messages.get(i).byteSize() != length) {
                length = messages.get(i).byteSize();
                start = Crc32cCombine.shift(-1, length);
            }
            // CRC-32C inverts the first 32 bits of the message, and the remainder at the end.
            crcs[first + i] = ~(hostRemainders.getAtIndex(ValueLayout.JAVA_INT, i) ^ start);
        }
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

    private void computeRemainders(List<DeviceBuffer> messages) throws IOException {
        long bytes = (long) messages.size() * Integer.BYTES;
        DeviceBuffer remainders = scratch.slice(0, bytes);
        stream.copyToDevice(zeros.asSlice(0, bytes), remainders);
        for (int first = 0; first < messages.size(); first += Parameter.MAX_MESSAGES) {
            int end = Math.min(messages.size(), first + Parameter.MAX_MESSAGES);
            launch(
                    messages.subList(first, end),
                    remainders.slice((long) first * Integer.BYTES, (long) (end - first) * Integer.BYTES));
        }
        stream.copyToHost(remainders, hostRemainders.asSlice(0, bytes));
        stream.synchronize();
    }

    private void launch(List<DeviceBuffer> messages, DeviceBuffer remainders) throws IOException {
        parameter.set(remainders, messages);
        long longest = messages.stream().mapToLong(DeviceBuffer::byteSize).max().orElseThrow();
        int blocks = Math.toIntExact(Math.max(1, Math.ceilDiv(longest, BYTES_PER_BLOCK)));
        stream.launch("crc32c", new Grid(blocks, messages.size(), 1), parameter.segment);
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

    @Override
    public String toString() {
        return "DeviceCrc32c[" + stream + "]";
    }
}
