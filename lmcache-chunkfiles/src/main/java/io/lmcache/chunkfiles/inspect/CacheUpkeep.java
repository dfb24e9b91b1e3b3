package io.lmcache.chunkfiles.inspect;

import io.lmcache.api.LmcacheException;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk.Entry;
import io.lmcache.chunkfiles.directory.ChunkDirectoryWalk.Kind;
import io.lmcache.chunkfiles.directory.RootKeeper;
import io.lmcache.chunkfiles.directory.Staleness;
import io.lmcache.chunkfiles.format.FoundChunk;
import io.lmcache.chunkfiles.inspect.Removals.Reason;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/**
 * Removes from one chunk directory, which others may be using, what is stale, too much, damaged or chosen; or tells what
 * it would remove. Files are judged as they are found, so memory does not grow with their number. For one thread.
 */
public final class CacheUpkeep implements AutoCloseable {
    /**
     * What the directory is to keep to.
     *
     * @param timeToLive how long a chunk stays after its last use; zero for ever
     * @param maxBytes the most bytes of chunks and quarantine; {@link Long#MAX_VALUE} for no limit
     * @param minFreeBytes the space of its file system that is left alone
     */
    public record Bounds(Duration timeToLive, long maxBytes, long minFreeBytes) {}

    // As the janitor does it: once something has to go, some more goes.
    private static final int MARGIN = 20;

    private final ChunkFiles files;
    private final InspectionListener listener;
    private final Clock clock;
    private final Optional<RootKeeper> keeper;
    private final Map<Reason, Amount> removed = new EnumMap<>(Reason.class);
    private Amount kept = Amount.NONE;

    private CacheUpkeep(ChunkFiles files, InspectionListener listener, Clock clock, Optional<RootKeeper> keeper) {
        this.files = files;
        this.listener = listener;
        this.clock = clock;
        this.keeper = keeper;
    }

    /**
     * Upkeep that only tells what it would do.
     *
     * @throws LmcacheException with {@link io.lmcache.api.ErrorCode#INVALID_ARGUMENT} when it is no directory
     */
    public static CacheUpkeep dry(Path root, InspectionListener listener, Clock clock) {
        return new CacheUpkeep(new ChunkFiles(root), listener, clock, Optional.empty());
    }

    /**
     * Upkeep that removes.
     *
     * @throws LmcacheException with {@link io.lmcache.api.ErrorCode#INVALID_ARGUMENT} when it is no directory, {@link
     *     io.lmcache.api.ErrorCode#START_FAILED} when this user may not change it
     */
    public static CacheUpkeep of(Path root, InspectionListener listener, Clock clock) {
        return new CacheUpkeep(new ChunkFiles(root), listener, clock, Optional.of(RootKeeper.open(root)));
    }

    /**
     * Removes what a janitor with these bounds would: what is stale; then, where room is needed, what lies in quarantine,
     * and the least recently used chunks, in an order that is exact to a hundredth of their age.
     *
     * @throws IOException when the directory itself cannot be opened
     */
    public Removals collect(Bounds bounds) throws IOException {
        Staleness staleness = Staleness.in(files.root(), bounds.timeToLive(), clock.instant());
        Measurement measurement = new Measurement(staleness);
        boolean isComplete = measurement.over(files.root());
        long excess = measurement.excess(bounds);
        Collection collection = new Collection(staleness, measurement, excess);
        isComplete &= collection.over(files.root());
        if (isComplete) {
            isComplete = bury(staleness);
        }
        return removals(isComplete);
    }

    /**
     * Takes damaged chunks away from readers and removes what is left over.
     *
     * @param remove whether damaged chunks are removed, not moved to quarantine
     * @throws IOException when the directory itself cannot be opened
     */
    public Removals repair(boolean remove) throws IOException {
        Staleness staleness = Staleness.in(files.root(), Duration.ZERO, clock.instant());
        Look repair = new Look(listener) {
            @Override
            void take(Entry entry) throws IOException {
                if (entry.kind() == Kind.CHUNK) {
                    if (!FoundChunk.isLayer(entry.fileName())) {
                        repair(entry, remove);
                    }
                } else if (entry.kind() != Kind.QUARANTINED) {
                    removeStale(entry, staleness);
                }
            }
        };
        return removals(repair.over(files.root()) && bury(staleness));
    }

    /**
     * Removes the chunks that are meant; with all of them, the quarantine and what has no model by its header as well.
     *
     * @throws IOException when the directory itself cannot be opened
     */
    public Removals clear(ChunkChoice choice) throws IOException {
        Instant now = clock.instant();
        Look clearing = new Look(listener) {
            @Override
            void take(Entry entry) throws IOException {
                if (entry.kind() == Kind.CHUNK && (choice.isAll() || isChosen(entry, choice, now))) {
                    remove(entry, Reason.CHOSEN);
                } else if (entry.kind() == Kind.QUARANTINED && choice.isAll()) {
                    remove(entry, Reason.QUARANTINED);
                }
            }
        };
        return removals(clearing.over(files.root()));
    }

    private boolean isChosen(Entry entry, ChunkChoice choice, Instant now) {
        try {
            FoundFile chunk = files.describe(entry);
            return choice.includes(chunk.key(), chunk.lastUse(), now);
        } catch (IOException e) {
            // Whose it is, it does not tell; a repair takes it away.
            return false;
        }
    }

    private Removals removals(boolean isComplete) {
        return new Removals(removed, kept, isComplete);
    }

    /** Measures what is there and not stale. */
    private final class Measurement extends Look {
        private final Staleness staleness;
        private final Instant now = clock.instant();
        private final AgeHistogram chunks = new AgeHistogram();
        private long staleBytes;
        private long quarantineBytes;
        private long bytes;

        private Measurement(Staleness staleness) {
            super(new Unheard());
            this.staleness = staleness;
        }

        @Override
        void take(Entry entry) throws IOException {
            if (staleness.of(entry).isPresent()) {
                staleBytes += entry.bytesOnDisk();
                return;
            }
            if (entry.kind().isLimited()) {
                bytes += entry.bytesOnDisk();
            }
            if (entry.kind() == Kind.CHUNK) {
                chunks.add(age(entry), RootKeeper.bytesToFree(files.root(), entry));
            } else if (entry.kind() == Kind.QUARANTINED) {
                quarantineBytes += entry.bytesOnDisk();
            }
        }

        private Duration age(Entry chunk) {
            return Duration.between(chunk.lastUse().toInstant(), now);
        }

        /** The bytes to remove so that the bounds are kept, once what is stale is gone. */
        private long excess(Bounds bounds) throws IOException {
            long limit = bounds.maxBytes();
            long overLimit = bytes > limit ? bytes - (limit - limit / MARGIN) : 0;
            long free = RootKeeper.usableSpace(files.root()) + staleBytes;
            return Math.max(overLimit, bounds.minFreeBytes() - free);
        }
    }

    /** Removes what is stale, and what is too much. */
    private final class Collection extends Look {
        private final Staleness staleness;
        private final Measurement measurement;
        private final AgeHistogram.Cut cut;
        private long quarantineExcess;
        private long borderExcess;

        private Collection(Staleness staleness, Measurement measurement, long excess) {
            super(listener);
            this.staleness = staleness;
            this.measurement = measurement;
            this.quarantineExcess = excess;
            this.cut = measurement.chunks.cutFor(Math.max(0, excess - measurement.quarantineBytes));
            this.borderExcess = cut.bytes();
        }

        @Override
        void take(Entry entry) throws IOException {
            if (removeStale(entry, staleness)) {
                return;
            }
            if (entry.kind() == Kind.QUARANTINED && quarantineExcess > 0) {
                quarantineExcess -= entry.bytesOnDisk();
                remove(entry, Reason.QUARANTINED);
            } else if (entry.kind() == Kind.CHUNK && isTooMuch(entry)) {
                remove(entry, Reason.LEAST_RECENTLY_USED);
            }
        }

        private boolean isTooMuch(Entry chunk) throws IOException {
            int step = AgeHistogram.step(measurement.age(chunk));
            if (step == cut.step() && borderExcess > 0) {
                borderExcess -= RootKeeper.bytesToFree(files.root(), chunk);
                return true;
            }
            return step > cut.step() && cut.step() >= 0;
        }
    }

    /** Removes that if it is stale; says whether it is. */
    private boolean removeStale(Entry entry, Staleness staleness) {
        Optional<Staleness.Reason> reason = staleness.of(entry);
        reason.ifPresent(stale -> remove(entry, reasonOf(stale)));
        return reason.isPresent();
    }

    private static Reason reasonOf(Staleness.Reason stale) {
        return switch (stale) {
            case EXPIRED -> Reason.EXPIRED;
            case TEMPORARY -> Reason.TEMPORARY;
            case METADATA -> Reason.METADATA;
            case QUARANTINED -> Reason.QUARANTINED;
            case EMPTY_DIRECTORY -> Reason.EMPTY_DIRECTORY;
        };
    }

    /** Does away with something; says whether it is gone, or would be. */
    private interface Removal {
        boolean by(RootKeeper keeper) throws IOException;
    }

    private void remove(Entry entry, Reason reason) {
        take(entry, reason, found -> found.remove(entry));
    }

    private void take(Entry entry, Reason reason, Removal removal) {
        Amount amount = new Amount(1, entry.bytesOnDisk());
        try {
            if (keeper.isEmpty() || removal.by(keeper.get())) {
                removed.merge(reason, amount, Amount::plus);
                listener.removed(entry.path(), reason);
            } else {
                kept = kept.plus(amount);
                listener.passedOver(entry.path(), "was used meanwhile, and stays");
            }
        } catch (IOException e) {
            kept = kept.plus(amount);
            listener.passedOver(entry.path(), "cannot be removed: " + e + "; see who owns it");
        }
    }

    private void repair(Entry chunk, boolean remove) throws IOException {
        try {
            Optional<Object> identity = keeper.isPresent() ? keeper.get().identityOf(chunk) : Optional.empty();
            Optional<String> objection = files.objectionTo(chunk.path());
            if (objection.isEmpty()) {
                return;
            }
            listener.damaged(chunk.path(), objection.get());
            if (remove) {
                remove(chunk, Reason.DAMAGED);
            } else {
                take(chunk, Reason.DAMAGED, found -> {
                    if (identity.isPresent()) {
                        found.quarantine(chunk, identity.get(), clock.millis());
                    }
                    return true;
                });
            }
        } catch (NoSuchFileException e) {
            // Evicted since it was found.
            return;
        } catch (AccessDeniedException e) {
            listener.passedOver(chunk.path(), "is not this user's to read");
        }
    }

    /** Forgets dead writers; what they left is gone by now. */
    private boolean bury(Staleness staleness) throws IOException {
        boolean[] isComplete = {true};
        new ChunkDirectoryWalk(files.root(), () -> false).visitWriters(new ChunkDirectoryWalk.Visitor() {
            @Override
            public void visit(Entry entry) {
                if (entry.kind() == Kind.WRITER && staleness.isDead(entry)) {
                    take(entry, Reason.DEAD_WRITER, found -> found.forget(entry));
                }
            }

            @Override
            public void unreadable(String path, IOException cause) {
                isComplete[0] = false;
            }
        });
        return isComplete[0];
    }

    /** Signs off. */
    @Override
    public void close() {
        keeper.ifPresent(RootKeeper::close);
    }

    /** For a walk that another one follows, which tells all this. */
    private static final class Unheard implements InspectionListener {
        @Override
        public void seen() {}

        @Override
        public void passedOver(String path, String reason) {}

        @Override
        public void damaged(String path, String reason) {}

        @Override
        public void removed(String path, Reason reason) {}
    }
}
