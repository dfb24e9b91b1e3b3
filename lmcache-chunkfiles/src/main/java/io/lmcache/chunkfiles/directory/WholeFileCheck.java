package io.lmcache.chunkfiles.directory;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.spi.ChunkMeta;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.zip.CRC32C;

/**
 * A look at a whole chunk file, apart from the reads that deliver chunks: header, length and payload. Stateless and
 * thread-safe.
 */
public final class WholeFileCheck {
    private static final int STEP = 256 << 10;

    private WholeFileCheck() {}

    /**
     * Checks the file. A valid answer has the payload's own checksum, whether the header has one or not.
     *
     * @param root the root that it lies below
     * @throws IOException when the file is not there, is no plain file, or cannot be read
     */
    public static HeaderCheck of(Path root, Path file, ChunkFileFormat format, ChunkKey key) throws IOException {
        try (FileChannel channel = PlainFiles.open(root, file, Set.of(StandardOpenOption.READ))) {
            return of(channel, format, key);
        }
    }

    /** As {@link #of(Path, Path, ChunkFileFormat, ChunkKey)}, of an open file, whose position does not change. */
    public static HeaderCheck of(FileChannel channel, ChunkFileFormat format, ChunkKey key) throws IOException {
        long bytes = channel.size();
        if (bytes < ChunkFileFormat.HEADER_BYTES) {
            return new HeaderCheck.Invalid("has only " + bytes + " bytes");
        }
        ByteBuffer header = ByteBuffer.allocate(ChunkFileFormat.HEADER_BYTES);
        WholeTransfer.read(channel, header, 0);
        HeaderCheck check = format.check(header, bytes, key);
        return check instanceof HeaderCheck.Valid valid ? withPayload(valid, channel) : check;
    }

    private static HeaderCheck withPayload(HeaderCheck.Valid header, FileChannel channel) throws IOException {
        int crc = crcOfRest(channel, header.meta());
        return header.admits(crc)
                ? HeaderCheck.Valid.of(header.meta(), crc)
                : new HeaderCheck.Invalid(header.objectionTo(crc));
    }

    private static int crcOfRest(FileChannel channel, ChunkMeta meta) throws IOException {
        CRC32C crc = new CRC32C();
        try (Arena arena = Arena.ofConfined()) {
            ByteBuffer step = arena.allocate(Math.min(STEP, meta.byteSize())).asByteBuffer();
            for (long left = meta.byteSize(); left > 0; left -= step.limit()) {
                step.clear().limit((int) Math.min(STEP, left));
                WholeTransfer.read(channel, step, ChunkFileFormat.fileBytes(meta) - left);
                crc.update(step.flip());
            }
        }
        return (int) crc.getValue();
    }
}
