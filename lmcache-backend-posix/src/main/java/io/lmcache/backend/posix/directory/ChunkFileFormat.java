package io.lmcache.backend.posix.directory;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.spi.ChunkMeta;
import java.nio.ByteBuffer;

/** How a chunk becomes a file: its name, and a header of fixed length before the payload. Thread-safe. */
public interface ChunkFileFormat {
    /** The length of the header, and so the offset of the payload, in bytes: one page, so that the payload is aligned. */
    int HEADER_BYTES = 4096;

    /**
     * The path of the key's file below the root of a chunk directory: two levels of directories, then the file, with
     * {@code /} between. Different for different keys, of bounded length, and never leads out of the root.
     */
    String relativePath(ChunkKey key);

    /** Whether a file of that name (without its directories) can be a chunk of this format. */
    boolean isChunkName(String fileName);

    /**
     * The header of a chunk.
     *
     * @param payloadCrc the CRC-32C of the payload
     * @return {@link #HEADER_BYTES} bytes
     */
    byte[] header(ChunkKey key, ChunkMeta meta, int payloadCrc);

    /**
     * Checks that a header is that of the key. Whatever the bytes are, the answer is a value, never an exception.
     *
     * @param header {@link #HEADER_BYTES} bytes from index 0; position and limit are not used
     */
    HeaderCheck check(ByteBuffer header, ChunkKey key);
}
