package io.lmcache.chunkfiles.directory;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.posix.Errno;
import io.lmcache.api.posix.FileModes;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.chunkfiles.directory.DirectorySettings.FsyncMode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A chunk file that no reader can see yet: a temporary file until {@link #publish}, nothing after {@link #close()}
 * without it.
 *
 * <p>The user writes the payload at offset {@link ChunkFileFormat#HEADER_BYTES}, through {@link #channel()} or a
 * descriptor of its own on {@link #path()}, and then publishes. Confined to one thread at a time.
 */
public final class NewChunkFile implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(NewChunkFile.class);
    private static final int MAX_ATTEMPTS = 5;

    private final ChunkDirectory directory;
    private final ChunkRoot root;
    private final String name;
    private final ChunkKey key;
    private final ChunkMeta meta;
    private final Path path;
    private final FileChannel channel;
    private boolean published;
    private boolean closed;

    private NewChunkFile(
            ChunkDirectory directory,
            ChunkRoot root,
            String name,
            ChunkKey key,
            ChunkMeta meta,
            Path path,
            FileChannel channel) {
        this.directory = directory;
        this.root = root;
        this.name = name;
        this.key = key;
        this.meta = meta;
        this.path = path;
        this.channel = channel;
    }

    /** Creates the temporary file. The budget of the root has reserved what the chunk takes of the disk. */
    static NewChunkFile create(ChunkDirectory directory, ChunkRoot root, String name, ChunkKey key, ChunkMeta meta)
            throws IOException {
        Path path = root.newTemporary(name);
        return new NewChunkFile(directory, root, name, key, meta, path, create(root, name, path));
    }

    private static FileChannel create(ChunkRoot root, String name, Path path) throws IOException {
        for (int attempt = 1; ; attempt++) {
            try {
                root.requireNoLinks(path);
                return open(path);
            } catch (IOException e) {
                // A janitor removes directories when they are empty.
                boolean isParentGone = e instanceof NoSuchFileException || Errno.ESTALE.isCauseOf(e);
                if (!isParentGone || attempt == MAX_ATTEMPTS) {
                    throw e;
                }
                createParents(root, name);
            }
        }
    }

    private static void createParents(ChunkRoot root, String name) throws IOException {
        try {
            root.createParents(name);
        } catch (NoSuchFileException e) {
            // Removed between the creation of one level and the next, or the root is gone; the next attempt creates it
            // again.
            root.signOnIfLost();
            LOG.debug("A directory of {} vanished while it was created", name, e);
        }
    }

    private static FileChannel open(Path path) throws IOException {
        return FileChannel.open(
                path, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), FileModes.PRIVATE_FILE);
    }

    /** The temporary file. */
    public Path path() {
        return path;
    }

    /** Opens the file once more, in another way. The caller closes the channel before this. */
    public FileChannel open(Set<? extends OpenOption> options) throws IOException {
        return PlainFiles.open(root.path(), path, options);
    }

    /** A channel on the file, open for writing. */
    public FileChannel channel() {
        return channel;
    }

    /**
     * Writes the header and gives the file its name: from here on readers see it, whole. A metadata file is written before
     * and gets its name after that.
     *
     * @param payloadCrc the CRC-32C of the payload, all of which has been written
     * @throws IOException when the file could not be completed or forced to disk; it is not published then
     */
    public void publish(int payloadCrc) throws IOException {
        byte[] header = directory.format().header(key, meta, payloadCrc);
        WholeTransfer.write(channel, ByteBuffer.wrap(header), 0);
        long bytes = ChunkFileFormat.fileBytes(meta);
        if (channel.size() != bytes) {
            throw new IOException(path + " has " + channel.size() + " bytes instead of " + bytes
                    + " after it was written; it is not published");
        }
        if (directory.fsync() != FsyncMode.NONE) {
            channel.force(true);
        }
        // Before the rename: an NFS client promises that a peer sees the bytes once the file is closed, not earlier.
        channel.close();
        Path target = root.resolve(name);
        root.requireNoLinks(target);
        Optional<Path> metadata = ChunkFileNames.metadataOf(target);
        if (metadata.isPresent()) {
            moveWithMetadata(header, target, metadata.get());
        } else {
            root.publish(path, target, directory.nowMillis());
        }
        if (directory.fsync() == FsyncMode.FULL) {
            forceDirectoryOf(target);
        }
        published = true;
        directory.published(root, name, meta);
    }

    private void moveWithMetadata(byte[] header, Path target, Path metadata) throws IOException {
        Path temporary = root.newTemporary(name);
        boolean moved = false;
        try {
            writeMetadata(header, temporary);
            root.publish(path, target, directory.nowMillis());
            moved = true;
            root.publish(temporary, metadata, directory.nowMillis());
        } catch (IOException e) {
            deleteAfter(e, temporary);
            if (moved) {
                // LMCache would never see it, and nobody would store it again.
                deleteAfter(e, target);
            }
            throw e;
        }
    }

    private void writeMetadata(byte[] header, Path file) throws IOException {
        try (FileChannel metadata = open(file)) {
            WholeTransfer.write(metadata, ByteBuffer.wrap(header), 0);
            if (directory.fsync() != FsyncMode.NONE) {
                metadata.force(true);
            }
        }
    }

    private static void deleteAfter(IOException failure, Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }

    private void forceDirectoryOf(Path target) throws IOException {
        try (FileChannel parent = FileChannel.open(target.getParent(), StandardOpenOption.READ)) {
            parent.force(true);
        } catch (IOException e) {
            // After a failed fsync nobody knows what is on the disk, and a second one would lie.
            root.delete(target);
            throw e;
        }
    }

    /** Closes the file, and removes it unless it was published. Idempotent. */
    @Override
    public void close() throws IOException {
        if (closed) {
            return;
        }
        closed = true;
        try (channel) {
            if (!published) {
                root.budget().release(directory.format().bytesOnDisk(meta));
                Files.deleteIfExists(path);
            }
        }
    }
}
