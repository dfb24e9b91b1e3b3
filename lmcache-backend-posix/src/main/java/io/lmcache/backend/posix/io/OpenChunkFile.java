package io.lmcache.backend.posix.io;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.backend.posix.directory.ChunkDirectory;
import io.lmcache.backend.posix.directory.ChunkFileFormat;
import io.lmcache.backend.posix.directory.HeaderCheck;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Set;

/**
 * A chunk file that is open for reading and whose header and length have passed their check. Whoever holds it closes it.
 *
 * @param path the file
 * @param channels the way to the payload
 * @param header what the header said
 */
public record OpenChunkFile(Path path, PayloadChannels channels, HeaderCheck.Valid header) implements AutoCloseable {
    private static final Set<OpenOption> BUFFERED = Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
    private static final Set<OpenOption> DIRECT =
            Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS, DirectIo.OPTION);

    /**
     * Opens the key's file. Empty when there is none; also when it is not what it should be, and then it goes to
     * quarantine.
     *
     * @param isDirect whether to read with O_DIRECT
     * @param headerBuffer memory for the header, aligned for direct I/O; free again afterwards
     */
    public static Optional<OpenChunkFile> open(
            ChunkDirectory directory, ChunkKey key, boolean isDirect, ByteBuffer headerBuffer) throws IOException {
        Optional<Path> path = directory.find(key);
        if (path.isEmpty()) {
            return Optional.empty();
        }
        FileChannel channel;
        try {
            channel = FileChannel.open(path.get(), isDirect ? DIRECT : BUFFERED);
        } catch (NoSuchFileException e) {
            // Evicted since it was found.
            directory.noteMissing(key);
            return Optional.empty();
        }
        Optional<OpenChunkFile> file = Optional.empty();
        try {
            file = check(directory, key, path.get(), channel, isDirect, headerBuffer);
        } finally {
            if (file.isEmpty()) {
                channel.close();
            }
        }
        return file;
    }

    private static Optional<OpenChunkFile> check(
            ChunkDirectory directory,
            ChunkKey key,
            Path path,
            FileChannel channel,
            boolean isDirect,
            ByteBuffer headerBuffer)
            throws IOException {
        long fileBytes = channel.size();
        if (fileBytes < ChunkFileFormat.HEADER_BYTES) {
            directory.quarantine(key, path, "has only " + fileBytes + " bytes");
            return Optional.empty();
        }
        PayloadChannels.readFully(channel, headerBuffer.clear(), 0);
        return switch (directory.format().check(headerBuffer, key)) {
            case HeaderCheck.Invalid invalid -> {
                directory.quarantine(key, path, "has a header that " + invalid.reason());
                yield Optional.empty();
            }
            case HeaderCheck.Valid valid
            when fileBytes != fileBytes(valid.meta()) -> {
                directory.quarantine(
                        key, path, "has " + fileBytes + " bytes, by its header " + fileBytes(valid.meta()));
                yield Optional.empty();
            }
            case HeaderCheck.Valid valid ->
                Optional.of(new OpenChunkFile(path, channels(path, channel, isDirect, valid.meta()), valid));
        };
    }

    private static long fileBytes(ChunkMeta meta) {
        return ChunkFileFormat.HEADER_BYTES + meta.byteSize();
    }

    private static PayloadChannels channels(Path path, FileChannel channel, boolean isDirect, ChunkMeta meta)
            throws IOException {
        if (!isDirect) {
            return PayloadChannels.buffered(channel);
        }
        boolean hasTail = PayloadChannels.hasTail(meta.byteSize());
        return PayloadChannels.direct(channel, hasTail ? FileChannel.open(path, BUFFERED) : channel);
    }

    @Override
    public void close() throws IOException {
        try (FileChannel body = channels.body()) {
            if (!channels.tail().equals(body)) {
                channels.tail().close();
            }
        }
    }
}
