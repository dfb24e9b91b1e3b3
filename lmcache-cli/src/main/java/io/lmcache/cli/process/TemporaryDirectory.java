package io.lmcache.cli.process;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A directory that is gone after {@link #close()}, and when the process is interrupted before. Used by one thread. */
public final class TemporaryDirectory implements AutoCloseable {
    private final Path path;
    private final Thread hook = new Thread(this::deleteAtShutdown, "lmcache-cleanup");

    /**
     * A new directory in that one.
     *
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when none can be made there
     */
    public TemporaryDirectory(Path parent) {
        try {
            this.path = Files.createTempDirectory(parent, "lmcache-");
        } catch (IOException e) {
            throw new LmcacheException(
                    ErrorCode.START_FAILED,
                    "Cannot create a temporary directory for the file tier (" + e + "); make " + parent
                            + " writable, or name another folder",
                    e);
        }
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /** Where the system keeps temporary files. */
    public static Path systemFolder() {
        return Path.of(System.getProperty("java.io.tmpdir"));
    }

    /** The directory. */
    public Path path() {
        return path;
    }

    @Override
    public void close() throws IOException {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is shutting down: the hook is at it already.
            return;
        }
        delete();
    }

    /** The tiers may still be writing then, so that something can be left. */
    private void deleteAtShutdown() {
        try {
            delete();
        } catch (IOException | UncheckedIOException e) {
            System.err.println("lmcache: could not delete " + path + " (" + e.getMessage() + "); delete it by hand");
        }
    }

    private void delete() throws IOException {
        if (Files.exists(path)) {
            for (Path entry : entriesDeepestFirst()) {
                Files.deleteIfExists(entry);
            }
        }
    }

    private List<Path> entriesDeepestFirst() throws IOException {
        try (Stream<Path> entries = Files.walk(path)) {
            return entries.sorted(Comparator.reverseOrder()).toList();
        }
    }
}
