package io.lmcache.chunkfiles.directory;

import io.lmcache.api.posix.PosixException;
import io.lmcache.api.posix.PosixFile;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.function.BooleanSupplier;

/**
 * Visits all that lies in one root of a chunk directory, in the order of the file system and in constant memory.
 *
 * <p>Directories are opened relative to the one they were found in, and no symbolic link is followed. Only directories where
 * chunks can lie are entered; whatever else is there is named as {@linkplain Kind#FOREIGN foreign}. What goes missing
 * meanwhile is passed over. For one thread at a time.
 */
public final class ChunkDirectoryWalk {
    /** What a file in a chunk directory is. */
    public enum Kind {
        /** A chunk, in whatever format. */
        CHUNK,
        /** The metadata file beside a chunk of LMCache. */
        METADATA,
        /** A chunk that is being written, or was when its writer died. */
        TEMPORARY,
        /** A file that failed its check and was taken away from readers. */
        QUARANTINED,
        /** A directory for chunks that is empty; visited last of what lies beside it. */
        EMPTY_DIRECTORY,
        /** The lock file of a writer. */
        WRITER,
        /** Another file of this library. */
        CONTROL,
        /** What this library has nothing to do with: links, directories of other names, files of others. */
        FOREIGN;

        /** Whether files of this kind count to the limit of a directory. */
        public boolean isLimited() {
            return switch (this) {
                case CHUNK, METADATA, QUARANTINED -> true;
                case TEMPORARY, EMPTY_DIRECTORY, WRITER, CONTROL, FOREIGN -> false;
            };
        }
    }

    /**
     * A file that was found. Immutable and thread-safe.
     *
     * @param kind what it is
     * @param path its path below the root, with {@code /} between
     * @param length its length in bytes
     * @param bytesOnDisk what it takes of the disk; less than its length where it has holes, and never more
     * @param lastUse when it was used last, for a chunk; else when it was changed last
     */
    public record Entry(Kind kind, String path, long length, long bytesOnDisk, FileTime lastUse) {
        /** The last part of the path. */
        public String fileName() {
            return path.substring(path.lastIndexOf('/') + 1);
        }
    }

    /** What is done with the files. An exception of its own ends the walk. */
    public interface Visitor {
        /** A file was found. It may be removed right away. */
        void visit(Entry entry) throws IOException;

        /**
         * What lies there could not be seen, so what was found is not all that there is.
         *
         * @param path the path below the root; empty for the root
         */
        void unreadable(String path, IOException cause) throws IOException;
    }

    /** Tells an entry of a level of directories; what there is below, the levels tell that follow. */
    private enum Level {
        ROOT,
        OUTER,
        INNER,
        CONTROL,
        WRITERS,
        QUARANTINE;

        private Kind ofFile(String name) {
            return switch (this) {
                case ROOT, OUTER -> Kind.FOREIGN;
                case INNER -> ChunkFileNames.kindOf(name);
                case CONTROL -> ChunkRoot.isControlFile(name) ? Kind.CONTROL : Kind.FOREIGN;
                case WRITERS -> WriterLock.writerOf(name).isPresent() ? Kind.WRITER : Kind.FOREIGN;
                case QUARANTINE -> ChunkFileNames.isQuarantined(name) ? Kind.QUARANTINED : Kind.FOREIGN;
            };
        }

        /** The level of the directory of that name; this level itself for a directory that is not entered. */
        private Level ofDirectory(String name) {
            return switch (this) {
                case ROOT -> name.equals(ChunkRoot.CONTROL) ? CONTROL : isForChunks(name) ? OUTER : this;
                case OUTER -> isForChunks(name) ? INNER : this;
                case CONTROL ->
                    switch (name) {
                        case ChunkRoot.WRITERS -> WRITERS;
                        case ChunkRoot.QUARANTINE -> QUARANTINE;
                        default -> this;
                    };
                case INNER, WRITERS, QUARANTINE -> this;
            };
        }

        private static boolean isForChunks(String name) {
            return name.length() == ChunkFileNames.DIRECTORY_CHARACTERS && name.charAt(0) != '.';
        }

        private boolean isForChunks() {
            return this == OUTER || this == INNER;
        }
    }

    private final Path root;
    private final BooleanSupplier stopped;

    /**
     * A walk over a root.
     *
     * @param root the root, which may be reached by links
     * @param stopped asked at every file whether to stop there
     */
    public ChunkDirectoryWalk(Path root, BooleanSupplier stopped) {
        this.root = root;
        this.stopped = stopped;
    }

    /** Visits everything. */
    public void visitAll(Visitor visitor) throws IOException {
        try (SecureDirectoryStream<Path> directory = open(root)) {
            visit(directory, Level.ROOT, "", visitor);
        } catch (DirectoryIteratorException e) {
            visitor.unreadable("", causeOf(e));
        }
    }

    /** Visits the lock files of writers and what foreign files lie between. */
    public void visitWriters(Visitor visitor) throws IOException {
        visitControl(ChunkRoot.WRITERS, Level.WRITERS, visitor);
    }

    /** Visits the quarantine. */
    public void visitQuarantine(Visitor visitor) throws IOException {
        visitControl(ChunkRoot.QUARANTINE, Level.QUARANTINE, visitor);
    }

    private void visitControl(String name, Level level, Visitor visitor) throws IOException {
        Path control = root.resolve(ChunkRoot.CONTROL);
        if (!Files.isDirectory(control, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (SecureDirectoryStream<Path> directory = open(control)) {
            visitDirectory(directory, name, level, ChunkRoot.CONTROL + "/" + name, visitor);
        }
    }

    private static IOException causeOf(DirectoryIteratorException e) {
        return new IOException("The directory could not be read to its end", e);
    }

    @SuppressWarnings("StreamResourceLeak") // Whoever asks for it closes it.
    private static SecureDirectoryStream<Path> open(Path directory) throws IOException {
        DirectoryStream<Path> stream = Files.newDirectoryStream(directory);
        if (stream instanceof SecureDirectoryStream<Path> secure) {
            return secure;
        }
        stream.close();
        throw new IOException("Directories in " + directory + " cannot be opened without following links");
    }

    private static SecureDirectoryStream<Path> openBelow(SecureDirectoryStream<Path> parent, String name)
            throws IOException {
        return parent.newDirectoryStream(Path.of(name), LinkOption.NOFOLLOW_LINKS);
    }

    /** Visits the entries of an open directory; says whether there were none. */
    private boolean visit(SecureDirectoryStream<Path> directory, Level level, String path, Visitor visitor)
            throws IOException {
        boolean isEmpty = true;
        for (Path found : directory) {
            if (stopped.getAsBoolean()) {
                return false;
            }
            isEmpty = false;
            String name = found.getFileName().toString();
            visit(directory, name, level, path.isEmpty() ? name : path + "/" + name, visitor);
        }
        return isEmpty;
    }

    private void visit(SecureDirectoryStream<Path> directory, String name, Level level, String path, Visitor visitor)
            throws IOException {
        BasicFileAttributes attributes;
        try {
            attributes = directory
                    .getFileAttributeView(Path.of(name), BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
                    .readAttributes();
        } catch (NoSuchFileException e) {
            return;
        } catch (IOException e) {
            visitor.unreadable(path, e);
            return;
        }
        Level below = attributes.isDirectory() ? level.ofDirectory(name) : level;
        if (below != level) {
            boolean isEmpty = visitDirectory(directory, name, below, path, visitor);
            if (isEmpty && below.isForChunks()) {
                visitor.visit(new Entry(Kind.EMPTY_DIRECTORY, path, 0, 0, attributes.lastModifiedTime()));
            }
        } else {
            Kind kind = attributes.isRegularFile() ? level.ofFile(name) : Kind.FOREIGN;
            visitor.visit(entry(kind, path, attributes));
        }
    }

    /** Visits a directory's entries; says whether there were none. */
    private boolean visitDirectory(
            SecureDirectoryStream<Path> parent, String name, Level level, String path, Visitor visitor)
            throws IOException {
        SecureDirectoryStream<Path> opened;
        try {
            opened = openBelow(parent, name);
        } catch (NoSuchFileException | NotDirectoryException e) {
            // Somebody has removed or replaced it since its parent was read.
            return false;
        } catch (IOException e) {
            visitor.unreadable(path, e);
            return false;
        }
        try (SecureDirectoryStream<Path> directory = opened) {
            return visit(directory, level, path, visitor);
        } catch (DirectoryIteratorException e) {
            visitor.unreadable(path, causeOf(e));
            return false;
        }
    }

    private Entry entry(Kind kind, String path, BasicFileAttributes attributes) {
        long length = attributes.size();
        long onDisk = kind.isLimited() ? bytesOnDisk(root.resolve(path), length) : length;
        return new Entry(kind, path, length, onDisk, attributes.lastModifiedTime());
    }

    /** What a file of that length takes of the disk, as far as that can be found out; at most its length. */
    static long bytesOnDisk(Path file, long length) {
        if (!PosixFile.class.getModule().isNativeAccessEnabled()) {
            return length;
        }
        try {
            return Math.min(length, PosixFile.status(file).allocatedBytes());
        } catch (PosixException e) {
            // Gone meanwhile, most likely; it counts until the next look.
            return length;
        }
    }
}
