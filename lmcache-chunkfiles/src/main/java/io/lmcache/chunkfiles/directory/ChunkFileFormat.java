package io.lmcache.chunkfiles.directory;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.spi.ChunkHeader;
import io.lmcache.api.spi.ChunkMeta;
import java.nio.ByteBuffer;

/** How a chunk becomes a file: its name, and a header of fixed length before the payload. Thread-safe. */
public interface ChunkFileFormat {
    /** The length of the header, and so the offset of the payload, in bytes: one page, so that the payload is aligned. */
    int HEADER_BYTES = ChunkHeader.BYTES;

    /**
     * The name of the key's file. Different for different keys that the format can express, of bounded length, one that
     * {@link ChunkFileNames} knows, and never one that leads out of the root.
     */
    ChunkName name(ChunkKey key);

    /** Whether a copy of the header lies beside each file, as LMCache wants it. */
    boolean hasMetadataFile();

    /**
     * The header of a chunk.
     *
     * @param key a key that has a name
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

    /** As {@link #check(ByteBuffer, ChunkKey)}, and that the file has as many bytes as its header says. */
    default HeaderCheck check(ByteBuffer header, long fileBytes, ChunkKey key) {
        HeaderCheck check = check(header, key);
        return check instanceof HeaderCheck.Valid valid && fileBytes != fileBytes(valid.meta())
                ? new HeaderCheck.Invalid("has " + fileBytes + " bytes, by its header " + fileBytes(valid.meta()))
                : check;
    }

    /** The length of the file of a chunk, in bytes. */
    static long fileBytes(ChunkMeta meta) {
        return HEADER_BYTES + meta.byteSize();
    }

    /** What a chunk takes of the disk, in bytes. */
    default long bytesOnDisk(ChunkMeta meta) {
        return fileBytes(meta) + (hasMetadataFile() ? HEADER_BYTES : 0);
    }
}
