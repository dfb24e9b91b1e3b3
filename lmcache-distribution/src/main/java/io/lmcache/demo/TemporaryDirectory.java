package io.lmcache.demo;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A directory that is gone after {@link #close()}, and when the process is interrupted before. */
final class TemporaryDirectory implements AutoCloseable {
    private final Path path;
    private final Thread hook = new Thread(this::delete, "demo-cleanup");

    TemporaryDirectory() throws IOException {
        this.path = Files.createTempDirectory("lmcache-demo-");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    Path path() {
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
