package io.lmcache.chunkfiles.io;

import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.WholeTransfer;
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
public record PayloadChannels(FileChannel body, FileChannel tail, int maxStep) {
    private static final int BUFFERED_STEP = 256 << 10;
    // A direct step goes to the device as it is, and devices like large requests.
    private static final int DIRECT_STEP = 4 << 20;

    public static PayloadChannels buffered(FileChannel channel) {
        return new PayloadChannels(channel, channel, BUFFERED_STEP);
    }

    public static PayloadChannels direct(FileChannel body, FileChannel tail) {
        return new PayloadChannels(body, tail, DIRECT_STEP);
    }

    /** Whether direct I/O on a payload of so many bytes needs a buffered channel as well. */
    public static boolean hasTail(long payloadBytes) {
        return payloadBytes % DirectIo.ALIGNMENT != 0;
    }

    /** Moves the file's payload into this memory, which is as long. */
    public PieceTransfer.Mover reader(MemorySegment payload) {
        return (start, end) -> {
            CRC32C crc = new CRC32C();
            read(payload.asSlice(start, end - start), start, crc);
            return (int) crc.getValue();
        };
    }

    /** Moves this memory into the file, as its payload. */
    public PieceTransfer.Mover writer(MemorySegment payload) {
        return (start, end) -> {
            CRC32C crc = new CRC32C();
            write(payload.asSlice(start, end - start), start, crc);
            return (int) crc.getValue();
        };
    }

    /**
     * Fills memory from the file.
     *
     * @param target the memory, all of it
     * @param start where its bytes stand in the payload
     * @param crc updated with the bytes
     */
    public void read(MemorySegment target, long start, CRC32C crc) throws IOException {
        for (long done = 0; done < target.byteSize(); ) {
            int length = step(target.byteSize() - done);
            ByteBuffer step = target.asSlice(done, length).asByteBuffer();
            WholeTransfer.read(channel(length), step, ChunkFileFormat.HEADER_BYTES + start + done);
            crc.update(step.flip());
            done += length;
        }
    }

    /**
     * Writes memory to the file.
     *
     * @param source the memory, all of it
     * @param start where its bytes stand in the payload
     * @param crc updated with the bytes
     */
    public void write(MemorySegment source, long start, CRC32C crc) throws IOException {
        for (long done = 0; done < source.byteSize(); ) {
            int length = step(source.byteSize() - done);
            ByteBuffer step = source.asSlice(done, length).asByteBuffer();
            crc.update(step);
            WholeTransfer.write(channel(length), step.flip(), ChunkFileFormat.HEADER_BYTES + start + done);
            done += length;
        }
    }

    private int step(long remaining) {
        long blocks = remaining / DirectIo.ALIGNMENT * DirectIo.ALIGNMENT;
        return (int) (blocks == 0 ? remaining : Math.min(maxStep, blocks));
    }

    private FileChannel channel(int length) {
        return hasTail(length) ? tail : body;
    }
}
