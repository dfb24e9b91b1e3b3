package io.lmcache.chunkfiles.diagnosis;

import io.lmcache.api.spi.Finding;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk.Entry;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/** What lies in a chunk directory beside what may lie there: chunks, and what is being written. For one thread. */
public final class BudgetCheck {
    private static final String TOPIC = "budget";

    private final Path root;
    private final long end;
    private long chunks;
    private long chunkBytes;
    private long temporaries;
    private long temporaryBytes;
    private boolean isCut;

    private BudgetCheck(Path root, Duration limit) {
        this.root = root;
        this.end = System.nanoTime() + limit.toNanos();
    }

    /**
     * Looks at that directory, which is there.
     *
     * @param maxBytes the most bytes that may lie there; 0 for no limit
     * @param limit how long to look; what is seen until then is told
     */
    public static Finding of(Path root, long maxBytes, Duration limit) throws IOException {
        BudgetCheck check = new BudgetCheck(root, limit);
        new ChunkDirectoryWalk(root, check::isOver).visitAll(check.new Visitor());
        return check.finding(maxBytes);
    }

    private boolean isOver() {
        isCut |= System.nanoTime() - end > 0;
        return isCut;
    }

    private Finding finding(long maxBytes) {
        long bytes = chunkBytes + temporaryBytes;
        String text = root + ": " + (isCut ? "at least " : "") + chunks + " file(s) of chunks, "
                + Amounts.bytes(chunkBytes) + "; " + temporaries + " temporary file(s), "
                + Amounts.bytes(temporaryBytes);
        if (maxBytes == 0) {
            return Finding.ok(TOPIC, text + "; no limit is set");
        }
        String whole = text + "; the limit is " + Amounts.bytes(maxBytes);
        return bytes > maxBytes
                ? Finding.note(
                        TOPIC,
                        whole,
                        "a cache that starts there removes the least recently used; raise max_gds_size to keep them")
                : Finding.ok(TOPIC, whole);
    }

    private final class Visitor implements ChunkDirectoryWalk.Visitor {
        @Override
        public void visit(Entry entry) {
            switch (entry.kind()) {
                case CHUNK, METADATA, QUARANTINED -> {
                    chunks++;
                    chunkBytes += entry.bytesOnDisk();
                }
                case TEMPORARY -> {
                    temporaries++;
                    temporaryBytes += entry.bytesOnDisk();
                }
                case EMPTY_DIRECTORY, WRITER, CONTROL, FOREIGN -> {}
            }
        }

        @Override
        public void unreadable(String path, IOException cause) {
            // What cannot be seen is not counted; a trial of the directory tells whether it can be used.
        }
    }
}
