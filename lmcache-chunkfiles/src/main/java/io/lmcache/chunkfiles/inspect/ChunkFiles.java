package io.lmcache.chunkfiles.inspect;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.KeyScope;
import io.lmcache.api.LmcacheException;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk.Entry;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.ChunkFileNames;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import io.lmcache.chunkfiles.directory.PlainFiles;
import io.lmcache.chunkfiles.directory.WholeFileCheck;
import io.lmcache.chunkfiles.format.FoundChunk;
import java.io.IOException;
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

/**
 * Reads chunk files of one root, whatever their format. The name of a native file and the header of another of its model
 * tell all but what a check finds out, so most need not be opened to be listed. Thread-safe.
 */
final class ChunkFiles {
    private static final int SCOPES = 1024;

    private final Path root;
    // By the digest in the names of native files.
    private final Cache<String, KeyScope> scopes =
            Caffeine.newBuilder().maximumSize(SCOPES).build();

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

    /** The scope of a native file that has this digest in its name, once one of them was read. */
    Optional<KeyScope> scope(String digest) {
        return Optional.ofNullable(scopes.getIfPresent(digest));
    }

    /** Which chunk the file is; the message of an exception is the predicate of a sentence. */
    private FoundChunk find(Entry entry) throws IOException {
        Optional<KeyScope> known = FoundChunk.scopeDigestIn(entry.fileName()).flatMap(this::scope);
        return known.isPresent()
                ? FoundChunk.ofNative(entry.path(), known.get())
                : find(entry.path(), header(root.resolve(entry.path())));
    }

    private FoundChunk find(String path, byte[] header) throws IOException {
        FoundChunk found = FoundChunk.in(path, header, OptionalInt.empty());
        FoundChunk.scopeDigestIn(path.substring(path.lastIndexOf('/') + 1))
                .ifPresent(digest -> scopes.put(digest, found.key().scope()));
        return found;
    }

    /** The model whose chunk, or layer of one, the file is, without a look at more than is needed; empty when unknown. */
    Optional<String> modelOf(Entry entry) {
        try {
            return FoundChunk.scopeDigestIn(entry.fileName()).isPresent()
                    ? Optional.of(find(entry).key().scope().model())
                    : FoundChunk.modelOf(root, root.resolve(entry.path()));
        } catch (IOException e) {
            // It takes its room all the same; a verification tells what is wrong with it.
            return Optional.empty();
        }
    }

    /**
     * The file, by its name, its length and as much of its header as is needed.
     *
     * @throws IOException when it is none, with why as the predicate of a sentence
     */
    FoundFile describe(Entry entry) throws IOException {
        FoundChunk chunk = find(entry);
        long bytes = entry.length() - ChunkFileFormat.HEADER_BYTES;
        long bytesPerToken = chunk.key().scope().layout().bytesPerToken();
        if (bytes <= 0 || bytes % bytesPerToken != 0 || bytes / bytesPerToken > Integer.MAX_VALUE) {
            throw new IOException("has " + entry.length() + " bytes, which no number of tokens of its model gives");
        }
        return new FoundFile(
                entry.path(),
                chunk.kind(),
                chunk.key(),
                (int) (bytes / bytesPerToken),
                entry.bytesOnDisk(),
                entry.lastUse().toInstant());
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

    private FoundChunk checked(String path, FileChannel channel) throws IOException {
        if (channel.size() < ChunkFileFormat.HEADER_BYTES) {
            throw new IOException("has only " + channel.size() + " bytes");
        }
        Optional<KeyScope> known = FoundChunk.scopeDigestIn(path.substring(path.lastIndexOf('/') + 1))
                .flatMap(this::scope);
        FoundChunk chunk =
                known.isPresent() ? FoundChunk.ofNative(path, known.get()) : find(path, FoundChunk.headerIn(channel));
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
