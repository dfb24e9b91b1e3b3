package io.lmcache.chunkfiles.inspect;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk.Entry;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import io.lmcache.chunkfiles.directory.WholeFileCheck;
import io.lmcache.chunkfiles.format.FoundChunk;
import io.lmcache.chunkfiles.inspect.DiskUse.Amount;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Looks at one chunk directory, which others may be using, and changes nothing. Files are looked at as they are found, so
 * memory does not grow with their number. For one thread.
 */
public final class CacheInspection {
    /** Told of what happens, in between. Paths are below the root, reasons the predicates of sentences about them. */
    public interface Listener {
        /** One more file was looked at. */
        void seen();

        /** Something there is not looked at. */
        void passedOver(String path, String reason);

        /** A chunk's file is not what was stored. */
        void damaged(String path, String reason);
    }

    private final Path root;
    private final Listener listener;
    private boolean isComplete = true;

    /**
     * An inspection of a directory.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when it is no directory
     */
    public CacheInspection(Path root, Listener listener) {
        if (!Files.isDirectory(root)) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "'" + root + "' is no directory" + (Files.exists(root) ? "" : ": it does not exist")
                            + "; name one that gds_path names");
        }
        this.root = root;
        this.listener = listener;
    }

    /**
     * Counts what is there.
     *
     * @throws IOException when the directory itself cannot be opened
     */
    public DiskUse diskUse() throws IOException {
        Count count = new Count();
        walk(count);
        return new DiskUse(
                count.models, count.unknown, count.metadata, count.quarantine, count.temporaries, isComplete);
    }

    /**
     * Reads all chunks and checks their name, header, length and, where they have one, checksum.
     *
     * @throws IOException when the directory itself cannot be opened
     */
    public Verification verify() throws IOException {
        Check check = new Check();
        walk(check);
        return new Verification(check.sound, check.damaged, check.bytes, isComplete);
    }

    private void walk(Look look) throws IOException {
        isComplete = true;
        new ChunkDirectoryWalk(root, () -> false).visitAll(look);
    }

    /** Names what is foreign or cannot be seen. */
    private abstract class Look implements ChunkDirectoryWalk.Visitor {
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

    private final class Count extends Look {
        private final SortedMap<String, Amount> models = new TreeMap<>();
        private Amount unknown = Amount.NONE;
        private Amount metadata = Amount.NONE;
        private Amount quarantine = Amount.NONE;
        private Amount temporaries = Amount.NONE;

        @Override
        void take(Entry entry) {
            Amount amount = new Amount(1, entry.bytesOnDisk());
            switch (entry.kind()) {
                case CHUNK -> takeChunk(entry.path(), amount);
                case METADATA -> metadata = metadata.plus(amount);
                case QUARANTINED -> quarantine = quarantine.plus(amount);
                case TEMPORARY -> temporaries = temporaries.plus(amount);
                case EMPTY_DIRECTORY, WRITER, CONTROL, FOREIGN -> {}
            }
        }

        private void takeChunk(String path, Amount amount) {
            Optional<String> model = modelOf(path);
            if (model.isPresent()) {
                models.merge(model.get(), amount, Amount::plus);
            } else {
                unknown = unknown.plus(amount);
            }
        }

        private Optional<String> modelOf(String path) {
            try {
                return Optional.of(find(path).key().scope().model());
            } catch (IOException e) {
                // It takes its room all the same; a verification tells what is wrong with it.
                return Optional.empty();
            }
        }
    }

    private final class Check extends Look {
        private long sound;
        private long damaged;
        private long bytes;

        @Override
        void take(Entry entry) {
            if (entry.kind() != ChunkDirectoryWalk.Kind.CHUNK) {
                return;
            }
            if (FoundChunk.isLayer(entry.fileName())) {
                listener.passedOver(entry.path(), "is one layer of a chunk, which only LMCache can read");
                return;
            }
            try {
                note(entry, objectionTo(entry.path()));
            } catch (NoSuchFileException e) {
                // Evicted since it was found.
                return;
            } catch (IOException e) {
                note(entry, Optional.of(String.valueOf(e.getMessage())));
            }
        }

        private void note(Entry entry, Optional<String> objection) {
            bytes += entry.length();
            if (objection.isEmpty()) {
                sound++;
            } else {
                damaged++;
                listener.damaged(entry.path(), objection.get());
            }
        }
    }

    /** Why the file is not what was stored; empty when it is. */
    private Optional<String> objectionTo(String path) throws IOException {
        FoundChunk found = find(path);
        return switch (WholeFileCheck.of(root.resolve(path), found.format(), found.key())) {
            case HeaderCheck.Valid _ -> Optional.empty();
            case HeaderCheck.Invalid invalid -> Optional.of(invalid.reason());
            case HeaderCheck.Other other -> Optional.of(other.reason());
        };
    }

    /** Which chunk the file is, by its name and header. */
    private FoundChunk find(String path) throws IOException {
        try (FileChannel channel =
                FileChannel.open(root.resolve(path), StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
            long bytes = channel.size();
            if (bytes < ChunkFileFormat.HEADER_BYTES) {
                throw new IOException("has only " + bytes + " bytes");
            }
            return FoundChunk.in(path, FoundChunk.headerIn(channel), OptionalInt.empty());
        }
    }
}
