package io.lmcache.process;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * A directory that is gone after {@link #close()}, and when the process is interrupted before. Used by one thread.
 */
public final class TemporaryDirectory implements AutoCloseable {
    private static final String PREFIX = "lmcache-";

    private final Path path;
    private final Thread hook = new Thread(this::delete, "lmcache-cleanup");

    private TemporaryDirectory(Path path) {
        this.path = path;
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /** A new directory where the system keeps temporary files. */
    public static TemporaryDirectory create() throws IOException {
        return new TemporaryDirectory(Files.createTempDirectory(PREFIX));
    }

    /** A new directory in that one. */
    public static TemporaryDirectory in(Path parent) throws IOException {
        return new TemporaryDirectory(Files.createTempDirectory(parent, PREFIX));
    }

    /** Where it is. */
    public Path path() {
        return path;
    }

    @Override
    public void close() {
        Runtime.getRuntime().removeShutdownHook(hook);
        delete();
    }

    private void delete() {
        try {
            for (Path entry : entriesDeepestFirst()) {
                Files.deleteIfExists(entry);
            }
        } catch (NoSuchFileException e) {
            // Someone else cleaned up: nothing left to do.
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot delete " + path + "; delete it by hand", e);
        }
    }

    private List<Path> entriesDeepestFirst() throws IOException {
        try (Stream<Path> entries = Files.walk(path)) {
            return entries.sorted(Comparator.reverseOrder()).toList();
        }
    }
}
