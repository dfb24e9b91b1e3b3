package io.lmcache.chunkfiles.diagnosis;

import io.lmcache.api.spi.Finding;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk.Entry;
import io.lmcache.chunkfiles.directory.Staleness;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * What earlier writers have left in a chunk directory: what is in quarantine, and who has died there. Looks at two small
 * folders, not at the chunks. For one thread.
 */
public final class LeftoverCheck {
    private static final String TOPIC = "leftovers";

    private final Path root;
    private long quarantined;
    private long quarantinedBytes;
    private long alive;
    private long dead;

    private LeftoverCheck(Path root) {
        this.root = root;
    }

    /** What is left in that directory, which is there. */
    public static Finding of(Path root) throws IOException {
        LeftoverCheck check = new LeftoverCheck(root);
        Staleness staleness = Staleness.in(root, Duration.ZERO, Instant.now());
        ChunkDirectoryWalk walk = new ChunkDirectoryWalk(root, () -> false);
        walk.visitQuarantine(new Visitor(entry -> check.count(entry, staleness)));
        walk.visitWriters(new Visitor(entry -> check.count(entry, staleness)));
        return check.finding();
    }

    private void count(Entry entry, Staleness staleness) {
        switch (entry.kind()) {
            case QUARANTINED -> {
                quarantined++;
                quarantinedBytes += entry.bytesOnDisk();
            }
            case WRITER -> {
                if (staleness.isDead(entry)) {
                    dead++;
                } else {
                    alive++;
                }
            }
            case CHUNK, METADATA, TEMPORARY, EMPTY_DIRECTORY, CONTROL, FOREIGN -> {}
        }
    }

    private Finding finding() {
        List<String> parts = new ArrayList<>();
        if (quarantined > 0) {
            parts.add(quarantined + " file(s), " + Amounts.bytes(quarantinedBytes)
                    + ", in quarantine, since they failed their check");
        }
        if (dead > 0) {
            parts.add(dead + " writer(s) died, and what they were writing may be left");
        }
        String users = alive == 0 ? "" : "; " + alive + " writer(s) at work";
        return parts.isEmpty()
                ? Finding.ok(TOPIC, root + ": none" + users)
                : Finding.note(
                        TOPIC,
                        root + ": " + String.join("; ", parts) + users,
                        "lmcache cache stat tells more; a cache that starts there clears it away in time, lmcache cache gc"
                                + " at once");
    }

    private record Visitor(Consumer<Entry> counter) implements ChunkDirectoryWalk.Visitor {
        @Override
        public void visit(Entry entry) {
            counter.accept(entry);
        }

        @Override
        public void unreadable(String path, IOException cause) {
            // What cannot be seen is not counted; a trial of the directory tells whether it can be used.
        }
    }
}
