package io.lmcache.chunkfiles.convert;

import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.chunkfiles.format.FoundChunk;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Optional;

/** The chunk files two directories below a root, without its control files. For one thread. */
final class SourceFiles {
    private static final int DEPTH = 2;

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

    long count() throws IOException {
        long[] files = {0};
        forEach(_ -> files[0]++);
        return files[0];
    }

    void forEach(Visitor visitor) throws IOException {
        visit(root, 0, visitor);
    }

    private void visit(Path directory, int level, Visitor visitor) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                visitEntry(entry, level, visitor);
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
    }

    private void visitEntry(Path entry, int level, Visitor visitor) throws IOException {
        String name = entry.getFileName().toString();
        if (level == DEPTH) {
            Optional<FileFormat> own = FoundChunk.kindOf(name);
            if (own.isPresent()
                    && kind.or(() -> own).equals(own)
                    && Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS)) {
                visitor.visit(new File(root, root.relativize(entry).toString()));
            }
        } else if (!name.startsWith(".") && Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
            visit(entry, level + 1, visitor);
        }
    }
}
