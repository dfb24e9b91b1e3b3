package io.lmcache.chunkfiles.directory;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** Moves all that a buffer has, however little the file system does at once. Stateless and thread-safe. */
public final class WholeTransfer {
    private WholeTransfer() {}

    /**
     * Fills the rest of the buffer.
     *
     * @param position where in the file its next byte stands
     * @throws EOFException when the file ends before
     */
    public static void read(FileChannel channel, ByteBuffer target, long position) throws IOException {
        long start = position - target.position();
        while (target.hasRemaining()) {
            if (channel.read(target, start + target.position()) < 0) {
                throw new EOFException("the file ends at " + channel.size() + ", before the " + target.remaining()
                        + " bytes that are missing yet");
            }
        }
    }

    /**
     * Writes the rest of the buffer.
     *
     * @param position where in the file its next byte goes
     */
    public static void write(FileChannel channel, ByteBuffer source, long position) throws IOException {
        long start = position - source.position();
        while (source.hasRemaining()) {
            channel.write(source, start + source.position());
        }
    }
}
