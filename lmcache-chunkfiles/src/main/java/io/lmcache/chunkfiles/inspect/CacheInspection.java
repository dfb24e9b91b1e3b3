package io.lmcache.chunkfiles.inspect;

import io.lmcache.api.KeyScope;
import io.lmcache.api.LmcacheException;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk.Entry;
import io.lmcache.chunkfiles.directory.ChunkFileNames;
import io.lmcache.chunkfiles.directory.RootAccount;
import io.lmcache.chunkfiles.directory.Staleness;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.chunkfiles.format.FoundChunk;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Looks at one chunk directory, which others may be using, and changes nothing. Files are looked at as they are found, so
 * memory does not grow with their number. For one thread.
 */
public final class CacheInspection {
    /** Takes the chunks that are found. */
    public interface Visitor {
        /** One more. */
        void take(FoundFile chunk) throws IOException;
    }

    private final ChunkFiles files;
    private final InspectionListener listener;
    private final Instant now;

    /**
     * An inspection of a directory.
     *
     * @throws LmcacheException with {@link io.lmcache.api.ErrorCode#INVALID_ARGUMENT} when it is no directory
     */
    public CacheInspection(Path root, InspectionListener listener, Clock clock) {
        this.files = new ChunkFiles(root);
        this.listener = listener;
        this.now = clock.instant();
    }

    /**
     * Counts what is there.
     *
     * @throws IOException when the directory itself cannot be opened
     */
    public DiskUse diskUse() throws IOException {
        Count count = new Count(Staleness.in(files.root(), Duration.ZERO, now));
        return count.result(count.over(files.root()));
    }

    /**
     * Shows the chunks that are meant, in the order in which they are found; says whether all could be seen, but for what is
     * another user's. What has a damaged header is passed over.
     *
     * @throws IOException when the directory itself cannot be opened, or the visitor throws it
     */
    public boolean list(ChunkChoice choice, Visitor visitor) throws IOException {
        Look look = new Look(listener) {
            @Override
            void take(Entry entry) throws IOException {
                if (entry.kind() == ChunkDirectoryWalk.Kind.CHUNK) {
                    Optional<FoundFile> chunk = found(entry);
                    if (chunk.isPresent()
                            && choice.includes(chunk.get().key(), chunk.get().lastUse(), now)) {
                        visitor.take(chunk.get());
                    }
                }
            }
        };
        return look.over(files.root());
    }

    private Optional<FoundFile> found(Entry entry) {
        try {
            return Optional.of(files.describe(entry));
        } catch (NoSuchFileException e) {
            // Evicted since it was found.
            return Optional.empty();
        } catch (IOException e) {
            listener.passedOver(entry.path(), String.valueOf(e.getMessage()));
            return Optional.empty();
        }
    }

    /**
     * Reads all chunks and checks their name, header, length and, where they have one, checksum; of LMCache's formats the
     * metadata file, too.
     *
     * @throws IOException when the directory itself cannot be opened
     */
    public Verification verify() throws IOException {
        Check check = new Check();
        boolean isComplete = check.over(files.root());
        return new Verification(check.sound, check.damaged, check.bytes, isComplete);
    }

    /** Takes the contents of chunk files. */
    public interface Sink {
        /**
         * One more file.
         *
         * @param path its path below the root
         * @param lastUse when the chunk was used last
         * @param content the file, sound as a whole, from its start
         */
        void take(String path, Instant lastUse, FileChannel content) throws IOException;

        /** A file that belongs to the one taken last. */
        void takeMetadata(String path, Instant lastUse, byte[] content) throws IOException;
    }

    /**
     * Hands out the chunks that are meant, each checked before, with their metadata files.
     *
     * @throws IOException when the directory itself cannot be opened, or the sink throws it
     */
    public Verification export(ChunkChoice choice, Sink sink) throws IOException {
        Export export = new Export(choice, sink);
        boolean isComplete = export.over(files.root());
        return new Verification(export.sound, export.damaged, export.bytes, isComplete);
    }

    private final class Export extends Look {
        private final ChunkChoice choice;
        private final Sink sink;
        private long sound;
        private long damaged;
        private long bytes;

        private Export(ChunkChoice choice, Sink sink) {
            super(listener);
            this.choice = choice;
            this.sink = sink;
        }

        @Override
        void take(Entry entry) throws IOException {
            if (entry.kind() != ChunkDirectoryWalk.Kind.CHUNK) {
                return;
            }
            Optional<ChunkFiles.Sound> opened = open(entry);
            if (opened.isPresent()) {
                try (ChunkFiles.Sound file = opened.get()) {
                    Instant lastUse = entry.lastUse().toInstant();
                    if (choice.includes(file.chunk().key(), lastUse, now)) {
                        hand(entry.path(), lastUse, file);
                    }
                }
            }
        }

        private Optional<ChunkFiles.Sound> open(Entry entry) {
            try {
                return Optional.of(files.openSound(entry.path()));
            } catch (NoSuchFileException e) {
                // Evicted since it was found.
                return Optional.empty();
            } catch (AccessDeniedException e) {
                listener.passedOver(entry.path(), "is not this user's to read");
                return Optional.empty();
            } catch (IOException e) {
                damaged++;
                listener.damaged(entry.path(), String.valueOf(e.getMessage()));
                return Optional.empty();
            }
        }

        private void hand(String path, Instant lastUse, ChunkFiles.Sound file) throws IOException {
            sink.take(path, lastUse, file.channel());
            if (file.chunk().format().hasMetadataFile()) {
                sink.takeMetadata(path + ChunkFileNames.METADATA_SUFFIX, lastUse, FoundChunk.headerIn(file.channel()));
            }
            sound++;
            bytes += file.channel().size();
        }
    }

    private final class Count extends Look {
        private final Staleness staleness;
        private final SortedMap<String, Amount> models = new TreeMap<>();
        private final SortedMap<Age, Amount> ages = new TreeMap<>();
        private final SortedMap<FileFormat, Amount> formats = new TreeMap<>();
        // By the digest of their scope.
        private final Map<String, Amount> unknown = new HashMap<>();
        private Amount metadata = Amount.NONE;
        private Amount quarantine = Amount.NONE;
        private Amount temporaries = Amount.NONE;
        private Amount leftovers = Amount.NONE;
        private long writers;
        private long deadWriters;

        private Count(Staleness staleness) {
            super(listener);
            this.staleness = staleness;
        }

        private DiskUse result(boolean isComplete) {
            Amount rest = attributed();
            return new DiskUse(
                    models,
                    ages,
                    formats,
                    rest,
                    metadata,
                    quarantine,
                    temporaries,
                    leftovers,
                    writers,
                    deadWriters,
                    RootAccount.of(files.root()),
                    isComplete);
        }

        @Override
        void take(Entry entry) {
            Amount amount = new Amount(1, entry.bytesOnDisk());
            switch (entry.kind()) {
                case CHUNK -> takeChunk(entry, amount);
                case METADATA -> {
                    if (staleness.of(entry).isPresent()) {
                        leftovers = leftovers.plus(amount);
                    } else {
                        metadata = metadata.plus(amount);
                    }
                }
                case QUARANTINED -> quarantine = quarantine.plus(amount);
                case TEMPORARY -> {
                    if (staleness.of(entry).isPresent()) {
                        leftovers = leftovers.plus(amount);
                    } else {
                        temporaries = temporaries.plus(amount);
                    }
                }
                case WRITER -> {
                    if (staleness.isDead(entry)) {
                        deadWriters++;
                    } else {
                        writers++;
                    }
                }
                case EMPTY_DIRECTORY, CONTROL, FOREIGN -> {}
            }
        }

        private void takeChunk(Entry entry, Amount amount) {
            ages.merge(Age.of(Duration.between(entry.lastUse().toInstant(), now)), amount, Amount::plus);
            FoundChunk.kindOf(entry.fileName()).ifPresent(kind -> formats.merge(kind, amount, Amount::plus));
            Optional<String> model = files.modelOf(entry);
            if (model.isPresent()) {
                models.merge(model.get(), amount, Amount::plus);
            } else {
                // Whose they are, a sound one that comes later may tell.
                unknown.merge(FoundChunk.scopeDigestIn(entry.fileName()).orElse(""), amount, Amount::plus);
            }
        }

        private Amount attributed() {
            Amount rest = Amount.NONE;
            for (Map.Entry<String, Amount> one : unknown.entrySet()) {
                Optional<KeyScope> scope = files.scope(one.getKey());
                if (scope.isPresent()) {
                    models.merge(scope.get().model(), one.getValue(), Amount::plus);
                } else {
                    rest = rest.plus(one.getValue());
                }
            }
            return rest;
        }
    }

    private final class Check extends Look {
        private long sound;
        private long damaged;
        private long bytes;

        private Check() {
            super(listener);
        }

        @Override
        void take(Entry entry) throws IOException {
            if (entry.kind() != ChunkDirectoryWalk.Kind.CHUNK) {
                return;
            }
            if (FoundChunk.isLayer(entry.fileName())) {
                listener.passedOver(entry.path(), "is one layer of a chunk, which only LMCache can read");
                return;
            }
            try {
                note(entry, files.objectionTo(entry.path()));
            } catch (NoSuchFileException e) {
                // Evicted since it was found.
                return;
            } catch (AccessDeniedException e) {
                listener.passedOver(entry.path(), "is not this user's to read");
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
}
