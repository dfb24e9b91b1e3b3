package io.lmcache.chunkfiles.inspect;

import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk.Entry;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Path;

/** One walk over a chunk directory, which names what is foreign or cannot be seen. For one thread. */
abstract class Look implements ChunkDirectoryWalk.Visitor {
    private final InspectionListener listener;
    private boolean isComplete = true;

    Look(InspectionListener listener) {
        this.listener = listener;
    }

    /** Walks over that root; says whether all could be seen, but for what is another user's. */
    final boolean over(Path root) throws IOException {
        new ChunkDirectoryWalk(root, () -> false).visitAll(this);
        return isComplete;
    }

    @Override
    public final void visit(Entry entry) throws IOException {
        if (entry.kind() == ChunkDirectoryWalk.Kind.FOREIGN) {
            listener.passedOver(entry.path(), "is nothing of the cache's");
        } else {
            take(entry);
            listener.seen();
        }
    }

    abstract void take(Entry entry) throws IOException;

    @Override
    public final void unreadable(String path, IOException cause) {
        isComplete &= cause instanceof AccessDeniedException && !path.isEmpty();
        listener.passedOver(path, "cannot be read: " + cause);
    }
}
