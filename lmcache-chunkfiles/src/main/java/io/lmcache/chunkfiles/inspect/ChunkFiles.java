package io.lmcache.chunkfiles.inspect;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk.Entry;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.ChunkFileNames;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import io.lmcache.chunkfiles.directory.PlainFiles;
import io.lmcache.chunkfiles.directory.WholeFileCheck;
import io.lmcache.chunkfiles.format.FoundChunk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/** Reads chunk files of one root, whatever their format. Thread-safe. */
final class ChunkFiles {
    private final Path root;

    /**
     * The files of that root.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when it is no directory
     */
    ChunkFiles(Path root) {
        if (!Files.isDirectory(root)) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "'" + root + "' is no directory" + (Files.exists(root) ? "" : ": it does not exist")
                            + "; name one that gds_path names");
        }
        this.root = root;
    }

    Path root() {
        return root;
    }

    /** Which chunk the file is, by its name and header; the message of an exception is the predicate of a sentence. */
    FoundChunk find(String path) throws IOException {
        return FoundChunk.in(path, header(root.resolve(path)), OptionalInt.empty());
    }

    /**
     * The file, by its name and header.
     *
     * @throws IOException when it is none, with why as the predicate of a sentence
     */
    FoundFile describe(Entry entry) throws IOException {
        byte[] header = header(root.resolve(entry.path()));
        FoundChunk chunk = FoundChunk.in(entry.path(), header, OptionalInt.empty());
        return switch (chunk.format().check(ByteBuffer.wrap(header), entry.length(), chunk.key())) {
            case HeaderCheck.Valid valid ->
                new FoundFile(
                        entry.path(),
                        chunk.kind(),
                        chunk.key(),
                        valid.meta().tokens(),
                        entry.bytesOnDisk(),
                        entry.lastUse().toInstant());
            case HeaderCheck.Invalid(String reason) -> throw new IOException(reason);
            case HeaderCheck.Other(String reason) -> throw new IOException(reason);
        };
    }

    /** A chunk file that is open, and sound as a whole. */
    record Sound(FoundChunk chunk, FileChannel channel) implements AutoCloseable {
        @Override
        public void close() throws IOException {
            channel.close();
        }
    }

    /**
     * Opens the file and checks all of it.
     *
     * @throws IOException when it is not sound, with why as the predicate of a sentence
     */
    Sound openSound(String path) throws IOException {
        FileChannel channel = PlainFiles.open(root, root.resolve(path), Set.of(StandardOpenOption.READ));
        boolean isSound = false;
        try {
            Sound sound = new Sound(checked(path, channel), channel);
            isSound = true;
            return sound;
        } finally {
            if (!isSound) {
                channel.close();
            }
        }
    }

    private static FoundChunk checked(String path, FileChannel channel) throws IOException {
        if (channel.size() < ChunkFileFormat.HEADER_BYTES) {
            throw new IOException("has only " + channel.size() + " bytes");
        }
        FoundChunk chunk = FoundChunk.in(path, FoundChunk.headerIn(channel), OptionalInt.empty());
        return switch (WholeFileCheck.of(channel, chunk.format(), chunk.key())) {
            case HeaderCheck.Valid _ -> chunk;
            case HeaderCheck.Invalid(String reason) -> throw new IOException(reason);
            case HeaderCheck.Other(String reason) -> throw new IOException(reason);
        };
    }

    private byte[] header(Path file) throws IOException {
        try (FileChannel channel = PlainFiles.open(root, file, Set.of(StandardOpenOption.READ))) {
            long bytes = channel.size();
            if (bytes < ChunkFileFormat.HEADER_BYTES) {
                throw new IOException("has only " + bytes + " bytes");
            }
            return FoundChunk.headerIn(channel);
        }
    }

    /**
     * Why the file, as a whole, is not what was stored, as the predicate of a sentence; empty when it is.
     *
     * @throws NoSuchFileException when it is not there any more
     * @throws AccessDeniedException when this user may not read it
     */
    Optional<String> objectionTo(String path) throws IOException {
        Optional<String> objection = objectionAtFirst(path);
        // A writer may have replaced it in between.
        return objection.isEmpty() ? objection : objectionAtFirst(path);
    }

    private Optional<String> objectionAtFirst(String path) throws IOException {
        try (Sound file = openSound(path)) {
            return objectionToMetadata(root.resolve(path), file.channel());
        } catch (NoSuchFileException | AccessDeniedException e) {
            throw e;
        } catch (IOException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    private Optional<String> objectionToMetadata(Path chunk, FileChannel content) throws IOException {
        Optional<Path> metadata =
                ChunkFileNames.metadataOf(chunk).filter(file -> Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS));
        if (metadata.isEmpty() || Arrays.equals(header(metadata.get()), FoundChunk.headerIn(content))) {
            return Optional.empty();
        }
        return Optional.of("has a metadata file that says something else than its header");
    }
}
