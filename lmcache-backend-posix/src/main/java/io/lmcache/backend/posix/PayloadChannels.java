package io.lmcache.backend.posix;

import io.lmcache.backend.posix.directory.ChunkFileFormat;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.zip.CRC32C;

/**
 * The way between the payload of one open chunk file and host memory.
 *
 * <p>Bytes move in steps, and the checksum of each step is taken while it lies in the processor's cache: a pass of its own
 * over the payload would cost a third more. With direct I/O, what does not fill a block at the end goes through a
 * second, buffered channel. Thread-safe for different ranges; the channels belong to whoever opened them.
 *
 * @param body where steps of whole blocks go
 * @param tail where the rest goes; the same channel unless {@code body} is direct and there is a rest
 * @param maxStep the most bytes to move at once
 */
record PayloadChannels(FileChannel body, FileChannel tail, int maxStep) {
    private static final int BUFFERED_STEP = 256 << 10;
    // A direct step goes to the device as it is, and devices like large requests.
    private static final int DIRECT_STEP = 4 << 20;

    static PayloadChannels buffered(FileChannel channel) {
        return new PayloadChannels(channel, channel, BUFFERED_STEP);
    }

    static PayloadChannels direct(FileChannel body, FileChannel tail) {
        return new PayloadChannels(body, tail, DIRECT_STEP);
    }

    /** Whether direct I/O on a payload of so many bytes needs a buffered channel as well. */
    static boolean hasTail(long payloadBytes) {
        return payloadBytes % DirectIo.ALIGNMENT != 0;
    }

    /** Fills the range of the payload from the file; returns its CRC-32C. */
    int read(MemorySegment payload, long start, long end) throws IOException {
        CRC32C crc = new CRC32C();
        for (long offset = start; offset < end; ) {
            int length = step(end - offset);
            ByteBuffer step = payload.asSlice(offset, length).asByteBuffer();
            readFully(channel(length), step, ChunkFileFormat.HEADER_BYTES + offset);
            crc.update(step.flip());
            offset += length;
        }
        return (int) crc.getValue();
    }

    /** Writes the payload to the file; returns its CRC-32C. */
    int write(MemorySegment payload) throws IOException {
        CRC32C crc = new CRC32C();
        for (long offset = 0; offset < payload.byteSize(); ) {
            int length = step(payload.byteSize() - offset);
            ByteBuffer step = payload.asSlice(offset, length).asByteBuffer();
            crc.update(step);
            writeFully(channel(length), step.flip(), ChunkFileFormat.HEADER_BYTES + offset);
            offset += length;
        }
        return (int) crc.getValue();
    }

    private int step(long remaining) {
        long blocks = remaining / DirectIo.ALIGNMENT * DirectIo.ALIGNMENT;
        return (int) (blocks == 0 ? remaining : Math.min(maxStep, blocks));
    }

    private FileChannel channel(int length) {
        return hasTail(length) ? tail : body;
    }

    static void readFully(FileChannel channel, ByteBuffer target, long position) throws IOException {
        long start = position - target.position();
        while (target.hasRemaining()) {
            if (channel.read(target, start + target.position()) < 0) {
                throw new EOFException("the file ends at " + channel.size() + ", before the " + target.remaining()
                        + " bytes that are missing yet");
            }
        }
    }

    private static void writeFully(FileChannel channel, ByteBuffer source, long position) throws IOException {
        while (source.hasRemaining()) {
            channel.write(source, position + source.position());
        }
    }
}
