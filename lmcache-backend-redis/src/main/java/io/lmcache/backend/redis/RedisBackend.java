package io.lmcache.backend.redis;

import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.protocol.AsyncCommand;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.KvLayout;
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
import io.lmcache.backend.redis.ChunkTransfer.Outcome;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The backend on a Redis server or cluster.
 *
 * <p>A chunk is one value: a {@link ChunkHeader}, then the payload. It is written by one {@code SET ... NX}, so that it is there
 * whole or not at all, and read in pieces by a {@link ChunkTransfer}, which checks it. Everything is asked of the server: what this
 * instance knows of the chunks there serves its limit and its pins alone. Thread-safe.
 */
final class RedisBackend implements StorageBackend {
    private static final Logger LOG = LoggerFactory.getLogger(RedisBackend.class);
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);
    private static final Duration SHUTDOWN_TIMEOUT = Duration.ofSeconds(2);
    /** They take checksums; more would not be faster than the connections. */
    private static final int WORKERS = 2;

    private final RedisSettings settings;
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
    private final RedisServers servers;
    private final ValueLimit valueLimit = new ValueLimit();
    private final HostRegion stagingRegion;
    private final SlabAllocator staging;
    private final ExecutorService workers;
    /** How long the value of a layout was that was read last; a process has few layouts. */
    private final Map<KvLayout, Long> usualBytes = new ConcurrentHashMap<>();

    /** Reads and writes that have begun, until their memory is given back. */
    private final Map<Object, CompletableFuture<?>> underway = new ConcurrentHashMap<>();

    private volatile boolean closed;

    RedisBackend(RedisSettings settings) {
        this.settings = settings;
        this.names = new ChunkNames(settings.keyPrefix());
        this.known = new KnownChunks(settings.maxBytes(), ChunkHeader.BYTES);
        this.servers = new RedisServers(settings);
        this.stagingRegion = new HostRegion(settings.stagingBytes());
        this.staging = new SlabAllocator("redis-staging", new HostBuffer(stagingRegion.segment()), _ -> {});
        this.workers = Executors.newFixedThreadPool(
                WORKERS,
                Thread.ofPlatform().daemon().name("lmcache-redis-write-", 0).factory());
    }

    @Override
    public String name() {
        return RedisBackendProvider.NAME;
    }

    @Override
    public Set<BackendCapability> capabilities() {
        return Set.of(BackendCapability.PERSISTENT, BackendCapability.SHARED);
    }

    @Override
    public BufferAllocator allocator() {
        return staging;
    }

    // Lookup

    @Override
    public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
        if (closed || keys.isEmpty()) {
            return CompletableFuture.completedFuture(0);
        }
        return guarded(() -> servers.route().thenCompose(route -> new PrefixLookup(keys, route).run()), _ -> 0);
    }

    /** One lookup: the lengths of all values, asked of each server in one go. */
    private final class PrefixLookup {
        private final List<String> chunks;
        private final List<CompletableFuture<Long>> lengths = new ArrayList<>();
        private final Map<RedisNode, List<AsyncCommand<byte[], byte[], Long>>> byNode = new HashMap<>();

        PrefixLookup(List<ChunkKey> keys, RedisRoute route) {
            this.chunks = keys.stream().map(names::of).toList();
            for (String chunk : chunks) {
                Optional<RedisNode> node = route.nodeOf(bytes(chunk));
                if (node.isEmpty()) {
                    // A cluster that has lost a part of itself: the prefix ends here.
                    servers.forgetRoute();
                    break;
                }
                AsyncCommand<byte[], byte[], Long> length = RedisCommands.length(bytes(chunk));
                byNode.computeIfAbsent(node.get(), _ -> new ArrayList<>()).add(length);
                lengths.add(refusalAs(length, 0L));
            }
        }

        CompletableFuture<Integer> run() {
            List<CompletableFuture<?>> all = new ArrayList<>(lengths);
            byNode.forEach((node, commands) -> all.add(node.control().callAll(commands)));
            return CompletableFuture.allOf(all.toArray(CompletableFuture[]::new))
                    .thenApply(_ -> found());
        }

        private int found() {
            int found = 0;
            while (found < lengths.size() && lengths.get(found).join() > ChunkHeader.BYTES) {
                known.seen(chunks.get(found), lengths.get(found).join() - ChunkHeader.BYTES);
                found++;
            }
            if (found < lengths.size()) {
                known.forget(chunks.get(found));
            }
            return found;
        }
    }

    /** A command's reply, or another value where the server answers that this cannot be had from it. */
    private <T> CompletableFuture<T> refusalAs(CompletableFuture<T> reply, T other) {
        return reply.exceptionallyCompose(error -> {
            if (RedisServers.unwrapped(error) instanceof RedisCommandExecutionException refusal) {
                if (isElsewhere(refusal)) {
                    servers.forgetRoute();
                    return CompletableFuture.completedFuture(other);
                }
                if (isWrongType(refusal)) {
                    return CompletableFuture.completedFuture(other);
                }
            }
            return CompletableFuture.failedFuture(error);
        });
    }

    private static boolean isElsewhere(RedisCommandExecutionException refusal) {
        return says(refusal, "MOVED ") || says(refusal, "ASK ") || says(refusal, "TRYAGAIN");
    }

    private static boolean isWrongType(RedisCommandExecutionException refusal) {
        return says(refusal, "WRONGTYPE");
    }

    private static boolean says(RedisCommandExecutionException refusal, String start) {
        return refusal.getMessage() != null && refusal.getMessage().startsWith(start);
    }

    // Get

    @Override
    public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        if (allocator.domain() != MemoryDomain.HOST) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "Backend 'redis' does not read into memory of the kind " + allocator.domain()
                            + ", which allocator '" + allocator.name() + "' has; read into host memory and copy");
        }
        if (closed) {
            return CompletableFuture.completedFuture(Optional.empty());
        }
        String chunk = names.of(key);
        return tracked(guarded(
                        () -> servers.route().thenCompose(route -> read(key, chunk, allocator, route)),
                        late -> Optional.<StoredChunk>empty()))
                .thenApply(found -> counted(chunk, found));
    }

    private Optional<StoredChunk> counted(String chunk, Optional<StoredChunk> found) {
        if (found.isPresent()) {
            long bytes = found.get().meta().byteSize();
            known.seen(chunk, bytes);
            usualBytes.put(found.get().meta().layout(), bytes + ChunkHeader.BYTES);
            counters.increment(BackendCounter.HITS);
            counters.add(BackendCounter.BYTES_READ, bytes);
        } else {
            counters.increment(BackendCounter.MISSES);
        }
        return found;
    }

    private CompletableFuture<Optional<StoredChunk>> read(
            ChunkKey key, String chunk, BufferAllocator allocator, RedisRoute route) {
        Optional<RedisNode> node = route.nodeOf(bytes(chunk));
        if (node.isEmpty()) {
            servers.forgetRoute();
            return CompletableFuture.completedFuture(Optional.empty());
        }
        return tried(key, chunk, allocator, node.get()).thenCompose(outcome -> switch (outcome) {
            // Replaced while it was read, perhaps.
            case Outcome.Damaged _ ->
                tried(key, chunk, allocator, node.get())
                        .thenCompose(second -> settled(chunk, node.get(), second, true));
            default -> settled(chunk, node.get(), outcome, false);
        });
    }

    private CompletableFuture<Outcome> tried(ChunkKey key, String chunk, BufferAllocator allocator, RedisNode node) {
        return new ChunkTransfer(key, bytes(chunk), allocator)
                .over(node.payload(), usualBytes.getOrDefault(key.scope().layout(), 0L))
                .exceptionallyCompose(error -> outcomeOf(error));
    }

    private CompletableFuture<Outcome> outcomeOf(Throwable error) {
        if (RedisServers.unwrapped(error) instanceof RedisCommandExecutionException refusal) {
            if (isElsewhere(refusal)) {
                servers.forgetRoute();
                return CompletableFuture.completedFuture(new Outcome.Absent());
            }
            if (isWrongType(refusal)) {
                return CompletableFuture.completedFuture(new Outcome.Damaged("is no string"));
            }
        }
        return CompletableFuture.failedFuture(error);
    }

    private CompletableFuture<Optional<StoredChunk>> settled(
            String chunk, RedisNode node, Outcome outcome, boolean isSecond) {
        return switch (outcome) {
            case Outcome.Found(StoredChunk found) -> {
                if (isSecond) {
                    counters.increment(BackendCounter.MISREAD);
                }
                refresh(chunk, node);
                yield CompletableFuture.completedFuture(Optional.of(found));
            }
            case Outcome.Absent _ -> {
                known.forget(chunk);
                yield CompletableFuture.completedFuture(Optional.empty());
            }
            case Outcome.NoMemory _ -> CompletableFuture.completedFuture(Optional.empty());
            case Outcome.Damaged(String reason) -> {
                counters.increment(BackendCounter.CORRUPT);
                log.warn("Redis: the value of " + chunk + " " + reason + "; it is deleted");
                yield removed(List.of(chunk), node).handle((_, _) -> Optional.empty());
            }
        };
    }

    /** The time to live counts from the last use; whether that succeeds is for the server to know. */
    private void refresh(String chunk, RedisNode node) {
        if (!settings.ttl().isZero()) {
            var _ = node.control().call(RedisCommands.expire(bytes(chunk), settings.ttl()));
        }
    }

    private CompletableFuture<Long> removed(List<String> chunks, RedisNode node) {
        chunks.forEach(known::forget);
        return node.control()
                .call(RedisCommands.remove(
                        chunks.stream().map(RedisBackend::bytes).toList()));
    }

    // Put

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        if (lease.buffer().byteSize() != meta.byteSize()
                || !meta.layout().equals(key.scope().layout())) {
            throw new LmcacheException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "Backend 'redis': chunk " + key + " of " + meta + " takes " + meta.byteSize()
                            + " bytes, but the buffer has " + lease.buffer().byteSize()
                            + "; use the layout of the key, and all of the buffer");
        }
        if (closed) {
            return declined(DeclineReason.CLOSED, "the backend is closed");
        }
        if (!(lease.buffer() instanceof HostBuffer)) {
            return declined(DeclineReason.UNSUPPORTED, "host memory only");
        }
        if (!known.canHold(meta.byteSize())) {
            return declined(DeclineReason.TOO_LARGE, "max_size is " + known.limit() + " bytes");
        }
        BufferLease mine = lease.share();
        CompletableFuture<PutOutcome> stored = guarded(
                        () -> servers.route().thenCompose(route -> new Put(key, meta, mine, route).run()),
                        _ -> PutOutcome.declined(DeclineReason.CLOSED, "the backend is closed"))
                .whenComplete((_, _) -> mine.close());
        return tracked(stored).thenApply(this::counted);
    }

    private CompletableFuture<PutOutcome> declined(DeclineReason reason, String message) {
        return CompletableFuture.completedFuture(counted(PutOutcome.declined(reason, message)));
    }

    private PutOutcome counted(PutOutcome outcome) {
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
        private final RedisRoute route;
        private final String chunk;

        Put(ChunkKey key, ChunkMeta meta, BufferLease lease, RedisRoute route) {
            this.key = key;
            this.meta = meta;
            this.lease = lease;
            this.route = route;
            this.chunk = names.of(key);
        }

        CompletableFuture<PutOutcome> run() {
            Optional<RedisNode> node = route.nodeOf(bytes(chunk));
            if (node.isEmpty()) {
                servers.forgetRoute();
                return CompletableFuture.completedFuture(
                        PutOutcome.declined(DeclineReason.UNAVAILABLE, "no node of the cluster has that slot"));
            }
            return valueLimit
                    .of(node.get())
                    .thenCompose(limit -> meta.byteSize() + ChunkHeader.BYTES > limit
                            ? CompletableFuture.completedFuture(PutOutcome.declined(
                                    DeclineReason.TOO_LARGE, "the server's proto-max-bulk-len is " + limit + " bytes"))
                            : whereNone(node.get()));
        }

        /** The payload goes over the wire only where it is not there already. */
        private CompletableFuture<PutOutcome> whereNone(RedisNode node) {
            CompletableFuture<Long> there = node.control()
                    .call(RedisCommands.length(bytes(chunk)))
                    .exceptionallyCompose(error -> lengthOf(error, node));
            // Meanwhile the checksum is taken; whatever the server says, it is waited for, since it needs the bytes.
            return CompletableFuture.supplyAsync(() -> Checksums.of(lease), workers)
                    .thenCombine(there, Ready::new)
                    .thenCompose(ready -> ready.there() > ChunkHeader.BYTES
                            ? CompletableFuture.completedFuture(present(ready.there()))
                            : withRoom(node, ready))
                    .exceptionallyCompose(error -> refused(error));
        }

        /** What has to be known before a chunk is sent: its checksum, and how many bytes there are under its name. */
        private record Ready(int payloadCrc, long there) {}

        private CompletableFuture<Long> lengthOf(Throwable error, RedisNode node) {
            return RedisServers.unwrapped(error) instanceof RedisCommandExecutionException refusal
                            && isWrongType(refusal)
                    ? removed(List.of(chunk), node).thenApply(_ -> 0L)
                    : CompletableFuture.failedFuture(error);
        }

        private PutOutcome present(long length) {
            known.seen(chunk, length - ChunkHeader.BYTES);
            return PutOutcome.alreadyPresent();
        }

        private CompletableFuture<PutOutcome> withRoom(RedisNode node, Ready ready) {
            Optional<List<String>> victims = known.reserve(meta.byteSize());
            if (victims.isEmpty()) {
                return CompletableFuture.completedFuture(PutOutcome.declined(
                        DeclineReason.FULL, "what this instance keeps within max_size is pinned or being written"));
            }
            byte[] header = new ChunkHeader(meta, ready.payloadCrc()).toBytes(key);
            AtomicBoolean isStored = new AtomicBoolean();
            return makeRoom(victims.get())
                    .thenCompose(_ ->
                            ready.there() > 0 ? removed(List.of(chunk), node) : CompletableFuture.completedFuture(0L))
                    .thenCompose(_ -> node.payload()
                            .call(RedisCommands.store(new PayloadArgs(bytes(chunk), header, lease, settings.ttl()))))
                    .thenApply(reply -> {
                        if (reply == null) {
                            return PutOutcome.alreadyPresent();
                        }
                        isStored.set(true);
                        counters.add(BackendCounter.BYTES_WRITTEN, meta.byteSize());
                        return PutOutcome.stored();
                    })
                    .whenComplete((_, _) -> known.settle(chunk, meta.byteSize(), isStored.get()));
        }

        private CompletableFuture<?> makeRoom(List<String> victims) {
            Map<RedisNode, List<String>> byNode = new HashMap<>();
            victims.forEach(victim -> route.nodeOf(bytes(victim))
                    .ifPresent(node ->
                            byNode.computeIfAbsent(node, _ -> new ArrayList<>()).add(victim)));
            counters.add(BackendCounter.EVICTED, victims.size());
            // Of a cluster's names a command may have those of one slot only.
            return CompletableFuture.allOf(byNode.entrySet().stream()
                    .flatMap(entry -> entry.getValue().stream().map(victim -> removed(List.of(victim), entry.getKey())))
                    .toArray(CompletableFuture[]::new));
        }

        private CompletableFuture<PutOutcome> refused(Throwable error) {
            if (!(RedisServers.unwrapped(error) instanceof RedisCommandExecutionException refusal)) {
                return CompletableFuture.failedFuture(error);
            }
            if (says(refusal, "OOM ")) {
                return CompletableFuture.completedFuture(PutOutcome.declined(
                        DeclineReason.FULL,
                        "the server's memory is full, and it does not evict: " + refusal.getMessage()));
            }
            if (isElsewhere(refusal)) {
                servers.forgetRoute();
                return CompletableFuture.completedFuture(PutOutcome.declined(
                        DeclineReason.UNAVAILABLE, "another node of the cluster has that slot now"));
            }
            if (says(refusal, "READONLY")) {
                servers.forgetServers();
            }
            return CompletableFuture.failedFuture(error);
        }
    }

    // Pins and removal

    @Override
    public Optional<ChunkPin> tryPin(ChunkKey key) {
        String chunk = names.of(key);
        if (closed || !known.pin(chunk)) {
            return Optional.empty();
        }
        AtomicBoolean isOpen = new AtomicBoolean(true);
        return Optional.of(() -> {
            if (isOpen.compareAndSet(true, false)) {
                known.unpin(chunk);
            }
        });
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        String chunk = names.of(key);
        if (closed || known.isPinned(chunk)) {
            return CompletableFuture.completedFuture(false);
        }
        return guarded(
                () -> servers.route()
                        .thenCompose(route -> route.nodeOf(bytes(chunk))
                                .map(node -> refusalAs(removed(List.of(chunk), node), 0L)
                                        .thenApply(count -> count > 0))
                                .orElseGet(() -> CompletableFuture.completedFuture(false))),
                _ -> false);
    }

    @Override
    public void clear() {
        clear((chunks, _) -> chunks);
    }

    /** Names tell no model, so the header of every chunk is read. */
    @Override
    public void clear(String model) {
        clear((chunks, node) -> ofModel(model, chunks, node));
    }

    /** Chooses among the chunks of a node. */
    @FunctionalInterface
    private interface Choice {
        List<String> of(List<String> chunks, RedisNode node) throws IOException;
    }

    private List<String> ofModel(String model, List<String> chunks, RedisNode node) throws IOException {
        Set<String> chosen = ConcurrentHashMap.newKeySet();
        List<AsyncCommand<byte[], byte[], Integer>> headers = chunks.stream()
                .map(chunk -> RedisCommands.piece(bytes(chunk), 0, ChunkHeader.BYTES, header -> {
                    if (header.remaining() == ChunkHeader.BYTES
                            && ChunkHeader.keyIn(header.slice())
                                    .filter(key -> key.scope().model().equals(model))
                                    .isPresent()) {
                        chosen.add(chunk);
                    }
                }))
                .toList();
        await(node.control()
                .callAll(headers)
                .thenCompose(_ -> CompletableFuture.allOf(
                        headers.stream().map(header -> refusalAs(header, 0)).toArray(CompletableFuture[]::new))));
        return List.copyOf(chosen);
    }

    private void clear(Choice choice) {
        try {
            for (RedisNode node : await(servers.route()).nodes()) {
                clear(choice, node);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("The chunks at " + settings.address() + " could not be cleared", e);
        }
    }

    private void clear(Choice choice, RedisNode node) throws IOException {
        byte[] cursor = bytes("0");
        do {
            List<Object> reply = await(node.control().call(RedisCommands.scan(cursor, names.pattern())));
            if (!(reply.get(0) instanceof byte[] next) || !(reply.get(1) instanceof List<?> page)) {
                throw new IOException("SCAN answers " + reply);
            }
            List<String> chunks = page.stream()
                    .filter(byte[].class::isInstance)
                    .map(name -> new String((byte[]) name, StandardCharsets.ISO_8859_1))
                    .filter(chunk -> !known.isPinned(chunk))
                    .toList();
            removeAll(choice.of(chunks, node), node);
            cursor = next;
        } while (!new String(cursor, StandardCharsets.US_ASCII).equals("0"));
    }

    private void removeAll(List<String> chunks, RedisNode node) throws IOException {
        chunks.forEach(known::forget);
        List<AsyncCommand<byte[], byte[], Long>> removals = chunks.stream()
                .map(chunk -> RedisCommands.remove(List.of(bytes(chunk))))
                .toList();
        await(node.control()
                .callAll(removals)
                .thenCompose(_ -> CompletableFuture.allOf(removals.toArray(CompletableFuture[]::new))));
    }

    /** For administration only: everything else is done on the connections' threads. */
    private <T> T await(CompletableFuture<T> reply) throws IOException {
        try {
            return reply.get(CLOSE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw failure(e.getCause() == null ? e : e.getCause());
        } catch (TimeoutException e) {
            throw new IOException("no answer within " + CLOSE_TIMEOUT.toSeconds() + " seconds", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    /** What some server tells of itself, for a diagnosis. */
    CompletableFuture<String> info(String section) {
        return guarded(
                () -> servers.route()
                        .thenCompose(route -> route.nodes().stream()
                                .findFirst()
                                .map(node -> node.control().call(RedisCommands.info(section)))
                                .orElseGet(() ->
                                        CompletableFuture.failedFuture(new IOException("the cluster has no node")))),
                _ -> "");
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
        awaitEnd(CLOSE_TIMEOUT);
        // What hangs fails with its connection, and gives its memory back.
        servers.close();
        awaitEnd(SHUTDOWN_TIMEOUT);
        workers.shutdown();
        staging.close();
        stagingRegion.close();
    }

    private void awaitEnd(Duration limit) {
        var _ = CompletableFuture.allOf(underway.values().toArray(CompletableFuture[]::new))
                .handle((_, _) -> true)
                .completeOnTimeout(false, limit.toMillis(), TimeUnit.MILLISECONDS)
                .join();
    }

    // What every operation has around it

    private <T> CompletableFuture<T> tracked(CompletableFuture<T> operation) {
        Object number = new Object();
        underway.put(number, operation);
        var _ = operation.whenComplete((_, _) -> underway.remove(number));
        return operation;
    }

    /** Trouble with the server as an {@link IOException}; trouble because of {@link #close} as what a closed backend says. */
    private <T> CompletableFuture<T> guarded(
            Supplier<CompletableFuture<T>> operation, Function<Throwable, T> whenClosed) {
        CompletableFuture<T> begun;
        try {
            begun = operation.get();
        } catch (RuntimeException e) {
            begun = CompletableFuture.failedFuture(e);
        }
        return begun.exceptionallyCompose(error -> {
            Throwable cause = RedisServers.unwrapped(error);
            if (closed) {
                return CompletableFuture.completedFuture(whenClosed.apply(cause));
            }
            counters.increment(BackendCounter.IO_ERRORS);
            return CompletableFuture.failedFuture(failure(cause));
        });
    }

    private IOException failure(Throwable cause) {
        Throwable root = cause;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String reason = root instanceof ClosedChannelException || root instanceof CancellationException
                ? "the connection was closed, by the server or because nothing came for "
                        + settings.timeout().toMillis() + " ms"
                : root.getMessage();
        return new IOException("Redis at " + settings.address() + ": " + reason, cause);
    }

    private static byte[] bytes(String name) {
        return name.getBytes(StandardCharsets.ISO_8859_1);
    }
}
