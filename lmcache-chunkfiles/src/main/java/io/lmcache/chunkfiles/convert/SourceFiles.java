package io.lmcache.chunkfiles.convert;

import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk.Entry;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.chunkfiles.format.FoundChunk;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Path;
import java.util.Optional;

/** The chunk files below a root. For one thread. */
final class SourceFiles {
    /**
     * A chunk file.
     *
     * @param root the root that it lies below
     * @param name its path below that, with {@code /} between
     */
    record File(Path root, String name) {
        Path path() {
            return root.resolve(name);
        }
    }

    /** Takes a file. */
    interface Visitor {
        void visit(File file) throws IOException;
    }

    private final Path root;
    private final Optional<FileFormat> kind;

    /** The files below that root, of one kind or of all. */
    SourceFiles(Path root, Optional<FileFormat> kind) {
        this.root = root;
        this.kind = kind;
    }

    /** Counts them; tells the listener of what is there besides. */
    long count(CacheConversion.Listener listener) throws IOException {
        long[] files = {0};
        walk(_ -> files[0]++, Optional.of(listener));
        return files[0];
    }

    void forEach(Visitor visitor) throws IOException {
        walk(visitor, Optional.empty());
    }

    private void walk(Visitor visitor, Optional<CacheConversion.Listener> listener) throws IOException {
        new ChunkDirectoryWalk(root, () -> false).visitAll(new ChunkDirectoryWalk.Visitor() {
            @Override
            public void visit(Entry entry) throws IOException {
                if (entry.kind() == ChunkDirectoryWalk.Kind.FOREIGN) {
                    listener.ifPresent(told -> told.passedOver(entry.path(), "is nothing of the cache's"));
                } else if (entry.kind() == ChunkDirectoryWalk.Kind.CHUNK && isWanted(entry.fileName())) {
                    visitor.visit(new File(root, entry.path()));
                }
            }

            @Override
            public void unreadable(String path, IOException cause) throws IOException {
                if (path.isEmpty() || !(cause instanceof AccessDeniedException)) {
                    throw cause;
                }
                listener.ifPresent(told -> told.passedOver(path, "cannot be read: " + cause));
            }
        });
    }

    private boolean isWanted(String fileName) {
        Optional<FileFormat> own = FoundChunk.kindOf(fileName);
        return own.isPresent() && kind.or(() -> own).equals(own);
    }
}
