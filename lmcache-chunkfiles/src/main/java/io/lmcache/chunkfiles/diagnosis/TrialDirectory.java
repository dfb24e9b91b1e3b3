package io.lmcache.chunkfiles.diagnosis;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A directory for trials, that is gone with all it holds after {@link #close()}, and when the process is interrupted
 * before. For one thread.
 */
public final class TrialDirectory implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(TrialDirectory.class);

    private final Path path;
    private final Thread hook = new Thread(this::delete, "lmcache-trial-cleanup");

    private TrialDirectory(Path path) {
        this.path = path;
    }

    /** A new directory beside what the parent holds. */
    public static TrialDirectory in(Path parent) throws IOException {
        TrialDirectory directory = new TrialDirectory(Files.createTempDirectory(parent, ".lmcache-trial-"));
        Runtime.getRuntime().addShutdownHook(directory.hook);
        return directory;
    }

    /** The directory that is there already where this one would be created: itself, or the nearest above it. */
    public static Path nearestTo(Path directory) {
        Path nearest = directory.toAbsolutePath().normalize();
        while (!Files.exists(nearest) && nearest.getParent() != null) {
            nearest = nearest.getParent();
        }
        return nearest;
    }

    /** Whether a trial there leaves others some room: a cache on a full disk lives on evictions, which a trial cannot do. */
    public static boolean hasRoomIn(Path directory) throws IOException {
        return Files.getFileStore(directory).getUsableSpace() >= 4 * StorageTrial.MOST_BYTES;
    }

    /** The directory. */
    public Path path() {
        return path;
    }

    /** What cannot be deleted is named in the log. */
    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is shutting down: the hook is at it already.
            return;
        }
        delete();
    }

    private void delete() {
        try {
            for (Path entry : entriesDeepestFirst()) {
                Files.deleteIfExists(entry);
            }
        } catch (IOException | UncheckedIOException e) {
            // A trial that was given up or interrupted may still be writing.
            LOG.warn("{} could not be deleted ({}); delete it by hand", path, e.toString());
        }
    }

    private List<Path> entriesDeepestFirst() throws IOException {
        try (Stream<Path> entries = Files.walk(path)) {
            return entries.sorted(Comparator.reverseOrder()).toList();
        }
    }
}
