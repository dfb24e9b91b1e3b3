package io.lmcache.backend.posix;

import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.chunkfiles.PayloadSource.Payload;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.WholeTransfer;
import io.lmcache.chunkfiles.io.OpenChunkFile;
import io.lmcache.chunkfiles.io.PayloadChannels;
import io.lmcache.chunkfiles.io.PieceTransfer;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Reads the header of a file, and with it the payload when that is one piece of whole blocks. With direct I/O each read
 * is a request to the drive, and one of a single page costs it almost as much as one of many.
 *
 * <p>Owns the payload's memory until that is taken. Used by one thread.
 */
final class WholeRead implements OpenChunkFile.Beginning, AutoCloseable {
    private final BufferAllocator allocator;
    private final ByteBuffer header;
    private @Nullable BufferLease lease;

    /**
     * A read that has not begun.
     *
     * @param allocator of the payload's memory, which lies on the host
     * @param headerBuffer memory for the header, aligned for direct I/O
     */
    WholeRead(BufferAllocator allocator, ByteBuffer headerBuffer) {
        this.allocator = allocator;
        this.header = headerBuffer.clear();
    }

    @Override
    public ByteBuffer read(FileChannel channel, long fileBytes) throws IOException {
        long payloadBytes = fileBytes - ChunkFileFormat.HEADER_BYTES;
        if (isOnePiece(payloadBytes)) {
            lease = allocator.tryAllocate(payloadBytes).orElse(null);
        }
        if (lease == null) {
            WholeTransfer.read(channel, header, 0);
        } else {
            readFully(channel, header, bytes(lease));
        }
        return header;
    }

    private static boolean isOnePiece(long payloadBytes) {
        return payloadBytes > 0 && payloadBytes <= PieceTransfer.PIECE_BYTES && !PayloadChannels.hasTail(payloadBytes);
    }

    private static void readFully(FileChannel channel, ByteBuffer header, ByteBuffer payload) throws IOException {
        ByteBuffer[] both = {header, payload};
        while (payload.hasRemaining()) {
            if (channel.read(both) < 0) {
                throw new EOFException("the file became shorter while it was read");
            }
        }
    }

    private static ByteBuffer bytes(BufferLease lease) {
        HostBuffer buffer = (HostBuffer) lease.buffer();
        return buffer.segment().asByteBuffer();
    }

    /** Hands over the payload, if it has been read. */
    Optional<Payload> take() {
        BufferLease taken = lease;
        if (taken == null) {
            return Optional.empty();
        }
        CRC32C crc = new CRC32C();
        crc.update(bytes(taken));
        lease = null;
        return Optional.of(new Payload(taken, (int) crc.getValue()));
    }

    @Override
    public void close() {
        if (lease != null) {
            lease.close();
        }
    }
}
