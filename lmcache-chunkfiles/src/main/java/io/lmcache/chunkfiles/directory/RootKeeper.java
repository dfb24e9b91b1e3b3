package io.lmcache.chunkfiles.directory;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk.Entry;
import io.lmcache.chunkfiles.directory.DirectorySettings.FsyncMode;
import io.lmcache.chunkfiles.directory.DirectorySettings.Sharding;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Removes files from one root that others may be using: one more of its writers, which tells the others on this machine
 * what room there is now. Follows no links, and removes only what a walk has found to be this library's or LMCache's. For
 * one thread.
 */
public final class RootKeeper implements AutoCloseable {
    private final ChunkRoot root;
    private final ChunkRemoval removal = new ChunkRemoval(new Pins(() -> {}), new ChunkIndex(0));

    private RootKeeper(ChunkRoot root) {
        this.root = root;
    }

    /**
     * Opens a root that is there.
     *
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when this user may not change it
     */
    public static RootKeeper open(Path path) {
        return new RootKeeper(ChunkRoot.open(
                path, new DirectorySettings(List.of(path), Sharding.BY_HASH, 0, FsyncMode.NONE, 0, Duration.ZERO, 0)));
    }

    /** What evicting that chunk frees on the disk, metadata file included. */
    public static long bytesToFree(Path root, Entry chunk) throws IOException {
        Optional<Path> metadata = ChunkFileNames.metadataOf(root.resolve(chunk.path()));
        return chunk.bytesOnDisk()
                + (metadata.isEmpty()
                        ? 0
                        : PlainFiles.attributesIfExists(metadata.get())
                                .map(file -> file.size())
                                .orElse(0L));
    }

    /** The bytes that a user may still write to the file system of that root. */
    public static long usableSpace(Path root) throws IOException {
        FileStore store = Files.getFileStore(root);
        return store.getUsableSpace();
    }

    /**
     * Removes that, unless it is a chunk that was used since it was found.
     *
     * @return whether it is gone
     * @throws IOException when it could not be removed
     */
    public boolean remove(Entry entry) throws IOException {
        return switch (entry.kind()) {
            case CHUNK -> removal.removeUnlessUsed(root, entry.path(), entry.lastUse()) != ChunkRemoval.Outcome.KEPT;
            case METADATA, QUARANTINED, TEMPORARY, EMPTY_DIRECTORY -> {
                delete(entry);
                yield true;
            }
            case WRITER, CONTROL, FOREIGN ->
                throw new IllegalArgumentException("'" + entry.path() + "' is not to be removed");
        };
    }

    private void delete(Entry entry) throws IOException {
        Path file = root.resolve(entry.path());
        root.requireNoLinks(file);
        if (Files.deleteIfExists(file) && entry.kind().isLimited()) {
            root.budget().remove(entry.bytesOnDisk());
        }
    }

    /** Forgets a writer whose lock file that is, if it is dead; says whether it is gone. */
    public boolean forget(Entry writer) throws IOException {
        Path file = root.resolve(writer.path());
        root.requireNoLinks(file);
        String id = WriterLock.writerOf(writer.fileName()).orElseThrow();
        WriterLock.forgetIfDead(root.writers(), id);
        boolean isGone = ChunkRoot.identityOf(file).isEmpty();
        if (isGone) {
            root.account().clear(WriterLock.numberOf(id));
        }
        return isGone;
    }

    /** What tells the file there from another one that may take its place; empty without a file. */
    public Optional<Object> identityOf(Entry chunk) throws IOException {
        return ChunkRoot.identityOf(root.resolve(chunk.path()));
    }

    /** Takes a chunk away from readers, into quarantine, unless another one has taken its place. */
    public void quarantine(Entry chunk, Object identity, long nowMillis) throws IOException {
        root.quarantine(root.resolve(chunk.path()), identity, nowMillis);
    }

    /** Signs off. */
    @Override
    public void close() {
        try {
            root.close();
        } catch (IOException e) {
            throw new LmcacheException(
                    ErrorCode.STORAGE,
                    "Chunk directory '" + root + "': the lock file of this process could not be removed: " + e
                            + "; it goes with the next sweep",
                    e);
        }
    }
}
