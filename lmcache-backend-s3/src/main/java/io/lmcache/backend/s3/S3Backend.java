package io.lmcache.backend.s3;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.BackendCapability;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.api.spi.ChunkHeader;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.ChunkPin;
import io.lmcache.api.spi.Counters;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.RateLimitedLog;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The backend in a bucket.
 *
 * <p>A chunk is one object: a {@link ChunkHeader}, then the payload. A lookup asks for the headers, and so finds no chunk that is
 * none; a get asks for the payload, after the header where no lookup has seen it. An object appears whole or not at all,
 * and is written only where there is none. Thread-safe.
 */
final class S3Backend implements StorageBackend {
    private static final Logger LOG = LoggerFactory.getLogger(S3Backend.class);
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);
    /** How many objects {@link #clear()} handles at once. */
    private static final int PAGE = 64;

    private final S3Settings settings;
    private final Counters counters = new Counters(EnumSet.of(
            BackendCounter.HITS,
            BackendCounter.MISSES,
            BackendCounter.STORED,
            BackendCounter.ALREADY_PRESENT,
            BackendCounter.DECLINED,
            BackendCounter.MISREAD,
            BackendCounter.CORRUPT,
            BackendCounter.EVICTED,
            BackendCounter.IO_ERRORS,
            BackendCounter.BYTES_READ,
            BackendCounter.BYTES_WRITTEN));
    private final RateLimitedLog log = new RateLimitedLog(LOG::warn);
    private final ChunkNames names;
    private final KnownChunks known;
    private final S3Link link;
    private final HostRegion stagingRegion;
    private final SlabAllocator staging;
    /** Reads and writes that have begun, until their memory is given back. */
    private final Map<Object, CompletableFuture<?>> underway = new ConcurrentHashMap<>();

    /** Puts that have begun, by the names of their chunks. */
    private final Map<String, CompletableFuture<PutOutcome>> writes = new ConcurrentHashMap<>();

    private volatile boolean closed;

    /**
     * A backend with these settings.
     *
     * @param memory this process's memory as a file; empty to have the bytes of payload come over the heap
     */
    S3Backend(S3Settings settings, Optional<Path> memory) {
        this.settings = settings;
        this.names = new ChunkNames(settings.address().prefix());
        this.known = new KnownChunks(settings.maxBytes());
        this.link = new S3Link(settings, memory);
        this.stagingRegion = new HostRegion(settings.stagingBytes());
        this.staging = new SlabAllocator("s3-staging", new HostBuffer(stagingRegion.segment()), _ -> {});
    }

    @Override
    public String name() {
        return S3BackendProvider.NAME;
    }

    @Override
    public Set<BackendCapability> capabilities() {
        return Set.of(BackendCapability.PERSISTENT, BackendCapability.SHARED);
    }

    @Override
    public BufferAllocator allocator() {
        return staging;
    }

    private long deadline() {
        return System.nanoTime() + settings.timeout().toNanos();
    }

    // Headers

    /** What lies under a chunk's name. */
    private sealed interface Found {
        /** An object that begins as that chunk does, and is as long. */
        record Chunk(ChunkHeader header) implements Found {}

        /** Nothing. */
        record Nothing() implements Found {}

        /** Something else, with a predicate that says why. */
        record Foreign(String reason) implements Found {}
    }

    private CompletableFuture<Found> find(ChunkKey key, String name, long deadline) {
        return link.send(S3Request.head(name, ChunkHeader.BYTES), deadline).thenCompose(reply -> {
            if (reply.isAbsent()) {
                known.forget(name);
                return CompletableFuture.completedFuture(new Found.Nothing());
            }
            if (reply.isBeyondTheEnd()) {
                return CompletableFuture.completedFuture(new Found.Foreign("is empty"));
            }
            if (!reply.isSuccess()) {
                return CompletableFuture.failedFuture(reply.failure("a read"));
            }
            return CompletableFuture.completedFuture(foundIn(reply, key, name));
        });
    }

    private Found foundIn(S3Reply reply, ChunkKey key, String name) {
        Optional<ChunkHeader> header =
                reply.body().limit() == ChunkHeader.BYTES ? ChunkHeader.read(reply.body(), key) : Optional.empty();
        if (header.isEmpty()) {
            return new Found.Foreign("has no header of that key at its start");
        }
        long expected = ChunkHeader.BYTES + header.get().meta().byteSize();
        long bytes = reply.objectBytes().orElse(-1L);
        if (bytes != expected) {
            return new Found.Foreign("has " + bytes + " bytes, by its header " + expected);
        }
        known.seen(name, header.get());
        return new Found.Chunk(header.get());
    }

    // Lookup

    @Override
    public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
        if (closed || keys.isEmpty()) {
            return CompletableFuture.completedFuture(0);
        }
        long deadline = deadline();
        return guarded(
                () -> new PrefixLookup(
                                keys.size(),
                                number -> find(keys.get(number), names.of(keys.get(number)), deadline)
                                        .thenApply(found -> found instanceof Found.Chunk))
                        .run(),
                _ -> 0);
    }

    // Get

    @Override
    public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        if (allocator.domain() != MemoryDomain.HOST) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "Backend 's3' does not read into memory of the kind " + allocator.domain() + ", which allocator '"
                            + allocator.name() + "' has; read into host memory and copy");
        }
        if (closed) {
            return CompletableFuture.completedFuture(Optional.empty());
        }
        return tracked(guarded(() -> new Get(key, allocator).run(), _ -> Optional.<StoredChunk>empty()))
                .thenApply(this::countedGet);
    }

    private Optional<StoredChunk> countedGet(Optional<StoredChunk> found) {
        if (found.isPresent()) {
            counters.increment(BackendCounter.HITS);
            counters.add(BackendCounter.BYTES_READ, found.get().meta().byteSize());
        } else {
            counters.increment(BackendCounter.MISSES);
        }
        return found;
    }

    /** One get. */
    private final class Get {
        private final ChunkKey key;
        private final String name;
        private final BufferAllocator allocator;
        private final long deadline = deadline();

        Get(ChunkKey key, BufferAllocator allocator) {
            this.key = key;
            this.name = names.of(key);
            this.allocator = allocator;
        }

        CompletableFuture<Optional<StoredChunk>> run() {
            Optional<ChunkHeader> header = known.header(name);
            return header.isPresent() ? payload(header.get(), true) : afresh(true);
        }

        /** Looks for the header first. */
        private CompletableFuture<Optional<StoredChunk>> afresh(boolean mayTryAgain) {
            return find(key, name, deadline).thenCompose(found -> switch (found) {
                case Found.Chunk(ChunkHeader header) -> payload(header, mayTryAgain);
                case Found.Nothing _ -> CompletableFuture.completedFuture(Optional.empty());
                case Found.Foreign(String reason) -> mayTryAgain ? afresh(false) : removed(reason);
            });
        }

        private CompletableFuture<Optional<StoredChunk>> payload(ChunkHeader header, boolean mayTryAgain) {
            Optional<BufferLease> allocated =
                    allocator.tryAllocate(header.meta().byteSize());
            if (allocated.isEmpty()) {
                return CompletableFuture.completedFuture(Optional.empty());
            }
            BufferLease mine = allocated.get();
            BufferLease its = mine.share();
            AtomicBoolean isHandedOut = new AtomicBoolean();
            return link.send(S3Request.read(name, ChunkHeader.BYTES, Payload.segment(mine)), deadline, its::close)
                    .thenCompose(reply -> {
                        if (reply.isAbsent()) {
                            known.forget(name);
                            return CompletableFuture.completedFuture(Optional.<StoredChunk>empty());
                        }
                        Optional<String> objection = objectionTo(reply, header, mine);
                        if (objection.isPresent()) {
                            // Replaced while it was read, or since its header was, perhaps.
                            known.forget(name);
                            return mayTryAgain ? afresh(false) : removed(objection.get());
                        }
                        if (!reply.isSuccess()) {
                            return CompletableFuture.failedFuture(reply.failure("a read"));
                        }
                        known.seen(name, header);
                        if (!mayTryAgain) {
                            counters.increment(BackendCounter.MISREAD);
                        }
                        isHandedOut.set(true);
                        return CompletableFuture.completedFuture(Optional.of(new StoredChunk(header.meta(), mine)));
                    })
                    .whenComplete((_, _) -> {
                        if (!isHandedOut.get()) {
                            mine.close();
                        }
                    });
        }

        /** Why an answer is not the payload that belongs to the header, as the predicate of a sentence. */
        private Optional<String> objectionTo(S3Reply reply, ChunkHeader header, BufferLease payload) {
            if (reply.isBeyondTheEnd()) {
                return Optional.of("ends before its payload does");
            }
            if (!reply.isSuccess()) {
                return Optional.empty();
            }
            long expected = ChunkHeader.BYTES + header.meta().byteSize();
            long bytes = reply.objectBytes().orElse(-1L);
            if (bytes != expected) {
                return Optional.of("has " + bytes + " bytes, by its header " + expected);
            }
            int crc = Payload.crcOf(payload);
            return crc == header.payloadCrc()
                    ? Optional.empty()
                    : Optional.of("has a payload with CRC-32C " + Integer.toHexString(crc) + ", by its header "
                            + Integer.toHexString(header.payloadCrc()));
        }

        private CompletableFuture<Optional<StoredChunk>> removed(String reason) {
            counters.increment(BackendCounter.CORRUPT);
            log.warn("S3: the object " + name + " " + reason + "; it is deleted");
            return delete(name, deadline).handle((_, _) -> Optional.empty());
        }
    }

    private CompletableFuture<S3Reply> delete(String name, long deadline) {
        known.forget(name);
        return link.send(S3Request.delete(name), deadline)
                .thenCompose(reply -> reply.isSuccess() || reply.isAbsent()
                        ? CompletableFuture.completedFuture(reply)
                        : CompletableFuture.failedFuture(reply.failure("a removal")));
    }

    // Put

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        if (lease.buffer().byteSize() != meta.byteSize()
                || !meta.layout().equals(key.scope().layout())) {
            throw new LmcacheException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "Backend 's3': chunk " + key + " of " + meta + " takes " + meta.byteSize()
                            + " bytes, but the buffer has " + lease.buffer().byteSize()
                            + ", and its scope is of " + key.scope().layout());
        }
        if (closed) {
            return declined(DeclineReason.CLOSED, "the backend is closed");
        }
        if (!(lease.buffer() instanceof HostBuffer)) {
            return declined(DeclineReason.UNSUPPORTED, "host memory only");
        }
        if (!known.canHold(meta.byteSize() + ChunkHeader.BYTES)) {
            return declined(DeclineReason.TOO_LARGE, "max_size is " + known.limit() + " bytes");
        }
        // Servers exist that look for an object and write it in two steps: two writers here are not to meet in between.
        CompletableFuture<PutOutcome> mine = new CompletableFuture<>();
        CompletableFuture<PutOutcome> other = writes.putIfAbsent(names.of(key), mine);
        if (other != null) {
            return other.thenApply(outcome ->
                    countedPut(outcome instanceof PutOutcome.Stored ? PutOutcome.alreadyPresent() : outcome));
        }
        return tracked(begun(key, meta, lease.share(), mine)).thenApply(this::countedPut);
    }

    private CompletableFuture<PutOutcome> begun(
            ChunkKey key, ChunkMeta meta, BufferLease lease, CompletableFuture<PutOutcome> write) {
        return guarded(
                        () -> new Put(key, meta, lease).run(),
                        _ -> PutOutcome.declined(DeclineReason.CLOSED, "the backend is closed"))
                .whenComplete((outcome, error) -> {
                    lease.close();
                    writes.remove(names.of(key), write);
                    if (error == null) {
                        write.complete(outcome);
                    } else {
                        write.completeExceptionally(error);
                    }
                });
    }

    private CompletableFuture<PutOutcome> declined(DeclineReason reason, String message) {
        return CompletableFuture.completedFuture(countedPut(PutOutcome.declined(reason, message)));
    }

    private PutOutcome countedPut(PutOutcome outcome) {
        counters.increment(
                switch (outcome) {
                    case PutOutcome.Stored _ -> BackendCounter.STORED;
                    case PutOutcome.AlreadyPresent _ -> BackendCounter.ALREADY_PRESENT;
                    case PutOutcome.Declined _ -> BackendCounter.DECLINED;
                });
        return outcome;
    }

    /** One put. */
    private final class Put {
        private final ChunkKey key;
        private final ChunkMeta meta;
        private final BufferLease lease;
        private final String name;
        private final long deadline = deadline();

        Put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
            this.key = key;
            this.meta = meta;
            this.lease = lease;
            this.name = names.of(key);
        }

        /** The payload goes over the wire only where it is not there already. */
        CompletableFuture<PutOutcome> run() {
            return find(key, name, deadline).thenCompose(found -> switch (found) {
                case Found.Chunk _ -> CompletableFuture.completedFuture(PutOutcome.alreadyPresent());
                case Found.Nothing _ -> withRoom(true);
                case Found.Foreign _ -> withRoom(false);
            });
        }

        private CompletableFuture<PutOutcome> withRoom(boolean isOnlyIfAbsent) {
            long bytes = meta.byteSize() + ChunkHeader.BYTES;
            Optional<List<String>> victims = known.reserve(bytes);
            if (victims.isEmpty()) {
                return CompletableFuture.completedFuture(PutOutcome.declined(
                        DeclineReason.FULL, "what this instance keeps within max_size is pinned or being written"));
            }
            counters.add(BackendCounter.EVICTED, victims.get().size());
            return CompletableFuture.allOf(victims.get().stream()
                            .map(victim -> delete(victim, deadline))
                            .toArray(CompletableFuture[]::new))
                    .thenComposeAsync(_ -> write(isOnlyIfAbsent), link.workers())
                    .whenComplete((_, _) -> known.release(bytes));
        }

        private CompletableFuture<PutOutcome> write(boolean isOnlyIfAbsent) {
            ChunkHeader header = new ChunkHeader(meta, Payload.crcOf(lease));
            BufferLease its = lease.share();
            MemorySegment payload = Payload.segment(its);
            return link.send(
                            S3Request.write(name, new ChunkBody(header.toBytes(key), payload), isOnlyIfAbsent),
                            deadline,
                            its::close)
                    .thenCompose(reply -> {
                        if (reply.isConflict()) {
                            return CompletableFuture.completedFuture(PutOutcome.alreadyPresent());
                        }
                        if (!reply.isSuccess()) {
                            return CompletableFuture.failedFuture(reply.failure("a write"));
                        }
                        known.stored(name, header);
                        counters.add(BackendCounter.BYTES_WRITTEN, meta.byteSize());
                        return CompletableFuture.completedFuture(PutOutcome.stored());
                    });
        }
    }

    // Pins and removal

    @Override
    public Optional<ChunkPin> tryPin(ChunkKey key) {
        String name = names.of(key);
        if (closed || !known.pin(name)) {
            return Optional.empty();
        }
        AtomicBoolean isOpen = new AtomicBoolean(true);
        return Optional.of(() -> {
            if (isOpen.compareAndSet(true, false)) {
                known.unpin(name);
            }
        });
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        String name = names.of(key);
        if (closed || known.isPinned(name)) {
            return CompletableFuture.completedFuture(false);
        }
        long deadline = deadline();
        return guarded(
                () -> find(key, name, deadline)
                        .thenCompose(found -> found instanceof Found.Nothing
                                ? CompletableFuture.completedFuture(false)
                                : delete(name, deadline).thenApply(_ -> true)),
                _ -> false);
    }

    @Override
    public void clear() {
        clear(_ -> true);
    }

    /** Names tell no model, so the header of every chunk is read. */
    @Override
    public void clear(String model) {
        clear(header -> ChunkHeader.keyIn(header)
                .filter(key -> key.scope().model().equals(model))
                .isPresent());
    }

    /** Chooses among chunks by their headers. */
    @FunctionalInterface
    private interface Choice {
        boolean isToGo(ByteBuffer header);
    }

    private void clear(Choice choice) {
        try {
            String token = "";
            do {
                S3Reply reply = await(link.send(S3Request.list(names.prefix(), PAGE, token), deadline()));
                if (!reply.isSuccess()) {
                    throw reply.failure("a listing");
                }
                ListPage page = ListPage.of(reply.text());
                removeFrom(page, choice);
                token = page.token();
            } while (!token.isEmpty());
        } catch (IOException e) {
            throw new UncheckedIOException("The chunks in " + settings.address() + " could not be cleared", e);
        }
    }

    private void removeFrom(ListPage page, Choice choice) throws IOException {
        long deadline = deadline();
        List<CompletableFuture<?>> removals = new ArrayList<>();
        for (String name : page.names()) {
            if (names.isChunk(name) && !known.isPinned(name)) {
                removals.add(link.send(S3Request.head(name, ChunkHeader.BYTES), deadline)
                        .thenCompose(header -> header.body().limit() < ChunkHeader.BYTES || choice.isToGo(header.body())
                                ? delete(name, deadline)
                                : CompletableFuture.completedFuture(header)));
            }
        }
        await(CompletableFuture.allOf(removals.toArray(CompletableFuture[]::new)));
    }

    /** For administration only: everything else is done on the link's threads. */
    private <T> T await(CompletableFuture<T> reply) throws IOException {
        try {
            return reply.get();
        } catch (ExecutionException e) {
            throw failure(e.getCause() == null ? e : e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    @Override
    public BackendStats stats() {
        return new BackendStats(known.ownChunks(), known.ownBytes(), known.limit(), counters.snapshot());
    }

    /**
     * Ends what is under way, within a bound; then the connections, and with them what hangs.
     *
     * @throws LmcacheException with {@link ErrorCode#LEAK} when someone holds a lease of the backend's memory: then that
     *     memory is kept, and a later close frees it
     */
    @Override
    public void close() {
        closed = true;
        try {
            awaitUnderway();
        } finally {
            link.close();
        }
        // What the end of the client has cut off gives its memory back in threads of its own.
        awaitUnderway();
        staging.close();
        stagingRegion.close();
    }

    private void awaitUnderway() {
        var _ = CompletableFuture.allOf(underway.values().toArray(CompletableFuture[]::new))
                .handle((_, _) -> true)
                .completeOnTimeout(false, CLOSE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)
                .join();
    }

    // What every operation has around it

    private <T> CompletableFuture<T> tracked(CompletableFuture<T> operation) {
        Object number = new Object();
        underway.put(number, operation);
        var _ = operation.whenComplete((_, _) -> underway.remove(number));
        return operation;
    }

    /** Trouble with the store as an {@link IOException}; trouble because of {@link #close} as what a closed backend says. */
    private <T> CompletableFuture<T> guarded(
            Supplier<CompletableFuture<T>> operation, Function<Throwable, T> whenClosed) {
        CompletableFuture<T> begun;
        try {
            begun = operation.get();
        } catch (RuntimeException e) {
            begun = CompletableFuture.failedFuture(e);
        }
        return begun.exceptionallyCompose(error -> {
            Throwable cause =
                    error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
            if (closed) {
                return CompletableFuture.completedFuture(whenClosed.apply(cause));
            }
            counters.increment(BackendCounter.IO_ERRORS);
            return CompletableFuture.failedFuture(failure(cause));
        });
    }

    private IOException failure(Throwable cause) {
        String reason = cause instanceof TimeoutException
                ? "no answer within " + settings.timeout().toMillis() + " ms"
                : String.valueOf(cause.getMessage());
        return new IOException("S3 at " + settings.address() + " by " + settings.endpoint() + ": " + reason, cause);
    }
}
