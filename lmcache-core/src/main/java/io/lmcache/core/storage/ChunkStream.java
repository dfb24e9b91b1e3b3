package io.lmcache.core.storage;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KvLayout;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.core.config.StackOptions;
import io.lmcache.core.hash.PromptChunks;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;

/**
 * Chunks of a prompt on their way from the tiers, delivered in prefix order, with a bounded number of bytes requested
 * ahead.
 *
 * <p>Not thread-safe. Owns the chunks it has requested until it has handed them out.
 */
final class ChunkStream implements AutoCloseable {
    /** A chunk that arrived; whoever took it from the stream closes it. */
    record Arrival(int index, int tier, StoredChunk chunk) {}

    private record Request(int index, int tier, long bytes, CompletableFuture<Optional<StoredChunk>> answer) {}

    private final Tiers tiers;
    private final PromptChunks chunks;
    private final KvLayout layout;
    private final BufferAllocator memory;
    private final Predicate<MemoryDomain> accepted;
    private final StackOptions options;
    private final Activity activity;
    private final Patience patience;
    private final List<TierRun> runs;
    private final Deque<Request> requests = new ArrayDeque<>();
    private long maxBytesInFlight;
    private long bytesInFlight;
    private int run;
    private int next;

    /**
     * A stream of the chunks in the runs.
     *
     * @param memory where chunks of tiers that hold no memory go
     * @param accepted the memory that whoever takes the chunks can reach
     * @param patience after what time nothing is delivered any more
     */
    ChunkStream(
            Tiers tiers,
            PromptChunks chunks,
            KvLayout layout,
            List<TierRun> runs,
            BufferAllocator memory,
            Predicate<MemoryDomain> accepted,
            StackOptions options,
            Activity activity,
            Patience patience) {
        this.tiers = tiers;
        this.chunks = chunks;
        this.layout = layout;
        this.memory = memory;
        this.accepted = accepted;
        this.options = options;
        this.activity = activity;
        this.patience = patience;
        this.maxBytesInFlight = Math.min(options.maxBytesInFlight(), memory.limitBytes() / 2);
        this.runs = runs;
        this.next = runs.isEmpty() ? 0 : runs.getFirst().start();
    }

    /** The next chunk; empty at the end, and where one that was expected did not arrive, or not in time. */
    Optional<Arrival> next() {
        if (patience.isOver()) {
            return Optional.empty();
        }
        requestAhead();
        Request request = requests.poll();
        if (request == null) {
            return Optional.empty();
        }
        bytesInFlight -= request.bytes();
        Optional<Arrival> arrival = received(request.index(), request.tier(), request.answer());
        return arrival.isPresent() || patience.isOver() ? arrival : retryAlone(request.index());
    }

    private void requestAhead() {
        while (run < runs.size()) {
            long bytes = meta(next).byteSize();
            if (!requests.isEmpty() && bytesInFlight + bytes > maxBytesInFlight) {
                return;
            }
            int tier = runs.get(run).tier();
            bytesInFlight += bytes;
            requests.add(new Request(
                    next, tier, bytes, tiers.at(tier).get(chunks.keys().get(next), memory)));
            moveTo(next + 1);
        }
    }

    private void moveTo(int index) {
        next = index;
        run = 0;
        while (run < runs.size() && runs.get(run).end() <= index) {
            run++;
        }
        if (run < runs.size()) {
            next = Math.max(index, runs.get(run).start());
        }
    }

    /**
     * A chunk may be missing only because those requested after it took all memory, or because they drove it out of its
     * tier: they are given up, and any tier may serve it, into memory of its own. From here on one at a time.
     */
    private Optional<Arrival> retryAlone(int index) {
        abandonRequests();
        maxBytesInFlight = 0;
        moveTo(index + 1);
        for (int attempt = 1; ; attempt++) {
            long seen = activity.writesEnded();
            boolean hadRoom = hasRoom(index);
            Optional<Arrival> arrival = fromAnyTier(index);
            if (arrival.isPresent()
                    || attempt == options.allocationAttempts()
                    || (hadRoom && hasRoom(index))
                    || !activity.awaitWriteAfter(seen, patience.atMost(options.allocationDelay()))
                    || patience.isOver()) {
                return arrival;
            }
        }
    }

    private Optional<Arrival> fromAnyTier(int index) {
        ChunkKey key = chunks.keys().get(index);
        for (int tier = 0; tier < tiers.count() && !patience.isOver(); tier++) {
            StorageBackend backend = tiers.at(tier);
            Optional<Arrival> arrival =
                    received(index, tier, backend.get(key, Tiers.memoryOf(List.of(backend), accepted)));
            if (arrival.isPresent()) {
                return arrival;
            }
        }
        return Optional.empty();
    }

    /**
     * Whether there is memory for the chunk. Where there is some before and after a try that failed, memory was not what
     * was missing; where there was none before, a write may have given its buffer back just after the try.
     */
    private boolean hasRoom(int index) {
        Optional<BufferLease> room = Tiers.memoryOf(tiers.all().reversed(), accepted)
                .tryAllocate(meta(index).byteSize());
        room.ifPresent(BufferLease::close);
        return room.isPresent();
    }

    private Optional<Arrival> received(int index, int tier, CompletableFuture<Optional<StoredChunk>> answer) {
        Optional<Optional<StoredChunk>> answered = patience.await(answer);
        if (answered.isEmpty()) {
            closeWhenItArrives(answer);
            return Optional.empty();
        }
        Optional<StoredChunk> chunk = answered.get();
        if (chunk.isEmpty() || chunk.get().meta().equals(meta(index))) {
            return chunk.map(found -> new Arrival(index, tier, found));
        }
        // A backend that answers with another shape is wrong about this key: the engine must not see its bytes.
        chunk.get().close();
        var _ = tiers.at(tier).tryInvalidate(chunks.keys().get(index));
        return Optional.empty();
    }

    private ChunkMeta meta(int index) {
        return new ChunkMeta(layout, chunks.range(index).length());
    }

    private void abandonRequests() {
        requests.forEach(request -> closeWhenItArrives(request.answer()));
        requests.clear();
        bytesInFlight = 0;
    }

    private static void closeWhenItArrives(CompletableFuture<Optional<StoredChunk>> answer) {
        var _ = answer.thenAccept(late -> late.ifPresent(StoredChunk::close));
    }

    @Override
    public void close() {
        abandonRequests();
    }
}
