package io.lmcache.chunkfiles.convert;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import io.lmcache.chunkfiles.directory.PlainFiles;
import io.lmcache.chunkfiles.format.FoundChunk;
import io.lmcache.chunkfiles.io.PayloadChannels;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.OptionalInt;
import java.util.Set;
import java.util.zip.CRC32C;

/**
 * A chunk file that is open for reading, and whose header and length have passed their check. For one thread.
 *
 * @param path the file
 * @param found which chunk it is
 * @param header what its header says
 * @param channel the way to its payload
 */
record SourceChunk(Path path, FoundChunk found, HeaderCheck.Valid header, FileChannel channel)
        implements AutoCloseable {
    /** Opens a file. */
    static SourceChunk open(SourceFiles.File file, OptionalInt kvHeads) throws SourceException {
        try {
            FileChannel channel = PlainFiles.open(file.root(), file.path(), Set.of(StandardOpenOption.READ));
            boolean opened = false;
            try {
                SourceChunk chunk = check(file, channel, kvHeads);
                opened = true;
                return chunk;
            } finally {
                if (!opened) {
                    channel.close();
                }
            }
        } catch (SourceException e) {
            throw e;
        } catch (IOException e) {
            throw new SourceException("cannot be read: " + e, e);
        }
    }

    private static SourceChunk check(SourceFiles.File file, FileChannel channel, OptionalInt kvHeads)
            throws IOException {
        long bytes = channel.size();
        if (bytes < ChunkFileFormat.HEADER_BYTES) {
            throw new SourceException("has only " + bytes + " bytes");
        }
        byte[] header = FoundChunk.headerIn(channel);
        FoundChunk found = find(file, header, kvHeads);
        return switch (found.format().check(ByteBuffer.wrap(header), bytes, found.key())) {
            case HeaderCheck.Valid valid -> new SourceChunk(file.path(), found, valid, channel);
            case HeaderCheck.Invalid invalid -> throw new SourceException(invalid.reason());
            case HeaderCheck.Other other -> throw new SourceException(other.reason());
        };
    }

    private static FoundChunk find(SourceFiles.File file, byte[] header, OptionalInt kvHeads) throws SourceException {
        try {
            return FoundChunk.in(file.name(), header, kvHeads);
        } catch (IOException e) {
            throw new SourceException(String.valueOf(e.getMessage()), e);
        }
    }

    ChunkKey key() {
        return found.key();
    }

    ChunkMeta meta() {
        return header.meta();
    }

    /** Fills the memory with the payload from there on, and updates the checksum with it. */
    void read(MemorySegment target, long start, CRC32C crc) throws SourceException {
        try {
            PayloadChannels.buffered(channel).read(target, start, crc);
        } catch (IOException e) {
            throw new SourceException("cannot be read: " + e, e);
        }
    }

    /** Checks that all of the payload, with that checksum, is what was stored. */
    void requireAdmitted(int crc) throws SourceException {
        if (!header.admits(crc)) {
            throw new SourceException(header.objectionTo(crc));
        }
    }

    /** When the chunk was used last. */
    FileTime lastUse() throws IOException {
        return Files.getLastModifiedTime(path, LinkOption.NOFOLLOW_LINKS);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
