package io.lmcache.chunkfiles.directory;

import java.io.IOException;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.Optional;

/** Removes chunks, but never a pinned one. Readers that have the file open finish undisturbed. Thread-safe. */
final class ChunkRemoval {
    /** What became of a chunk that was to be removed. */
    enum Outcome {
        REMOVED,
        /** It was gone already. */
        ABSENT,
        /** It stays: it is pinned, or was used meanwhile. */
        KEPT
    }

    private final Pins pins;
    private final ChunkIndex index;

    ChunkRemoval(Pins pins, ChunkIndex index) {
        this.pins = pins;
        this.index = index;
    }

    /** Removes the chunk's file from that root. */
    Outcome remove(ChunkRoot root, String name) throws IOException {
        return removeUnlessUsed(root, name, FileTime.fromMillis(Long.MAX_VALUE));
    }

    /** Removes the chunk's file from that root, unless it was used after that time. */
    Outcome removeUnlessUsed(ChunkRoot root, String name, FileTime lastUse) throws IOException {
        if (!pins.tryBeginRemoval(name)) {
            return Outcome.KEPT;
        }
        try {
            return removeUnpinned(root, name, lastUse);
        } finally {
            pins.endRemoval(name);
        }
    }

    private Outcome removeUnpinned(ChunkRoot root, String name, FileTime lastUse) throws IOException {
        Optional<BasicFileAttributes> file = root.attributes(name);
        if (file.isPresent() && file.get().lastModifiedTime().compareTo(lastUse) > 0) {
            return Outcome.KEPT;
        }
        long bytes = file.isPresent() ? root.bytesOnDisk(name, file.get().size()) : 0;
        boolean removed = root.delete(root.resolve(name));
        index.remove(name);
        if (removed) {
            root.budget().remove(bytes);
        }
        return removed ? Outcome.REMOVED : Outcome.ABSENT;
    }
}
