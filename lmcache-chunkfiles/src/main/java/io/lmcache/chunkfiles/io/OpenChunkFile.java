package io.lmcache.chunkfiles.io;

import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.ChunkLocation;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import io.lmcache.chunkfiles.directory.WholeTransfer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
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
    private static final Set<OpenOption> BUFFERED = Set.of(StandardOpenOption.READ);
    private static final Set<OpenOption> DIRECT = Set.of(StandardOpenOption.READ, DirectIo.OPTION);

    /** Reads the beginning of a file of which nothing but the length is known. */
    @FunctionalInterface
    public interface Beginning {
        /** The header, from index 0; what follows it may be read as well. The channel stands at its start. */
        ByteBuffer read(FileChannel channel, long fileBytes) throws IOException;
    }

    /**
     * Opens the chunk's file. Empty when there is none; also when it is another chunk's, or not what it should be, and then
     * it goes to quarantine.
     *
     * @param isDirect whether to read with O_DIRECT
     * @param headerBuffer memory for the header, aligned for direct I/O; free again afterwards
     */
    public static Optional<OpenChunkFile> open(
            ChunkDirectory directory, ChunkLocation chunk, boolean isDirect, ByteBuffer headerBuffer)
            throws IOException {
        return open(directory, chunk, isDirect, (channel, _) -> {
            WholeTransfer.read(channel, headerBuffer.clear(), 0);
            return headerBuffer;
        });
    }

    /**
     * As {@link #open(ChunkDirectory, ChunkLocation, boolean, ByteBuffer)}.
     *
     * @param beginning called once for a file that is long enough to have a header
     */
    public static Optional<OpenChunkFile> open(
            ChunkDirectory directory, ChunkLocation chunk, boolean isDirect, Beginning beginning) throws IOException {
        Optional<Unchecked> opened = openUnchecked(directory, chunk, isDirect ? DIRECT : BUFFERED);
        if (opened.isEmpty()) {
            return Optional.empty();
        }
        Path path = opened.get().path();
        FileChannel channel = opened.get().channel();
        Optional<OpenChunkFile> file = Optional.empty();
        try {
            file = check(directory, chunk, path, channel, isDirect, beginning);
        } finally {
            if (file.isEmpty()) {
                channel.close();
            }
        }
        return file;
    }

    /** A file about which nothing is known but its name. */
    private record Unchecked(Path path, FileChannel channel) {}

    private static Optional<Unchecked> openUnchecked(
            ChunkDirectory directory, ChunkLocation chunk, Set<OpenOption> options) throws IOException {
        Optional<Path> known = directory.known(chunk);
        if (known.isPresent()) {
            try {
                return Optional.of(new Unchecked(known.get(), directory.open(known.get(), options)));
            } catch (IOException e) {
                // Memory is out of date, most likely; if there is more to it, the second attempt will tell.
            }
        }
        Optional<Path> found = directory.find(chunk);
        if (found.isEmpty()) {
            return Optional.empty();
        }
        try {
            return Optional.of(new Unchecked(found.get(), directory.open(found.get(), options)));
        } catch (NoSuchFileException | NotDirectoryException e) {
            // Evicted since it was found, or a link has taken a directory's place.
            directory.noteMissing(chunk);
            return Optional.empty();
        }
    }

    private static Optional<OpenChunkFile> check(
            ChunkDirectory directory,
            ChunkLocation chunk,
            Path path,
            FileChannel channel,
            boolean isDirect,
            Beginning beginning)
            throws IOException {
        long fileBytes = channel.size();
        if (fileBytes < ChunkFileFormat.HEADER_BYTES) {
            directory.quarantine(chunk, path, "has only " + fileBytes + " bytes");
            return Optional.empty();
        }
        return switch (directory.format().check(beginning.read(channel, fileBytes), fileBytes, chunk.key())) {
            case HeaderCheck.Invalid invalid -> {
                directory.quarantine(chunk, path, invalid.reason());
                yield Optional.empty();
            }
            case HeaderCheck.Other other -> {
                directory.noteOther(path, other.reason());
                yield Optional.empty();
            }
            case HeaderCheck.Valid valid ->
                Optional.of(new OpenChunkFile(path, channels(directory, path, channel, isDirect, valid.meta()), valid));
        };
    }

    private static PayloadChannels channels(
            ChunkDirectory directory, Path path, FileChannel channel, boolean isDirect, ChunkMeta meta)
            throws IOException {
        if (!isDirect) {
            return PayloadChannels.buffered(channel);
        }
        boolean hasTail = PayloadChannels.hasTail(meta.byteSize());
        return PayloadChannels.direct(channel, hasTail ? directory.open(path, BUFFERED) : channel);
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
