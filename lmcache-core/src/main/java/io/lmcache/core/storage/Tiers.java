package io.lmcache.core.storage;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.api.spi.BackendCapability;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.core.config.StackOptions;
import io.lmcache.core.metrics.StackMeters;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The tiers of a stack, fastest first, each in its decorators: none of their futures fails or stays open for ever. */
final class Tiers {
    private final List<StorageBackend> tiers;
    // Not the JDK's, which the whole process shares.
    private final ScheduledThreadPoolExecutor timer;

    Tiers(List<StorageBackend> backends, StackOptions options, StackMeters meters) {
        Set<String> names = new HashSet<>();
        for (StorageBackend backend : backends) {
            if (!names.add(backend.name())) {
                throw new LmcacheException(
                        ErrorCode.INVALID_CONFIGURATION,
                        "The stack has two tiers called '" + backend.name() + "'; give each a name of its own");
            }
        }
        if (names.isEmpty()) {
            throw new LmcacheException(
                    ErrorCode.INVALID_CONFIGURATION,
                    "The stack has no tier: set local_cpu: true, gds_path, remote_url, or storage_plugins");
        }
        this.timer = new ScheduledThreadPoolExecutor(
                1, Thread.ofPlatform().daemon().name("lmcache-deadlines").factory());
        timer.setRemoveOnCancelPolicy(true);
        StorageBackend first = backends.getFirst();
        this.tiers = backends.stream()
                .map(backend -> decorated(backend, first, options, meters, timer))
                .toList();
    }

    /** Everything that surrounds a backend, innermost first. */
    private static StorageBackend decorated(
            StorageBackend backend,
            StorageBackend first,
            StackOptions options,
            StackMeters meters,
            ScheduledExecutorService timer) {
        // A memory tier keeps what it is given, and its own eviction bounds that.
        boolean borrows = keepsChunksInMemory(first) && !keepsChunksInMemory(backend);
        StorageBackend sharing = borrows ? new WriteShareBackend(backend, first.allocator()) : backend;
        StorageBackend inTime = new DeadlineBackend(sharing, options.readDeadline(), options.writeDeadline(), timer);
        StorageBackend guarded = new BreakerBackend(
                inTime, breaker(backend.name() + " reads", options), breaker(backend.name() + " writes", options));
        return new MeasuredBackend(new ForgivingBackend(guarded), meters);
    }

    static boolean keepsChunksInMemory(StorageBackend backend) {
        return !backend.capabilities().contains(BackendCapability.PERSISTENT);
    }

    private static CircuitBreaker breaker(String name, StackOptions options) {
        return CircuitBreaker.of(
                name,
                CircuitBreakerConfig.custom()
                        .slidingWindowType(CircuitBreakerConfig.SlidingWindowType.COUNT_BASED)
                        .slidingWindowSize(options.breakerFailures())
                        .minimumNumberOfCalls(options.breakerFailures())
                        .failureRateThreshold(100)
                        .waitDurationInOpenState(options.breakerOpen())
                        .permittedNumberOfCallsInHalfOpenState(1)
                        .build());
    }

    List<StorageBackend> all() {
        return tiers;
    }

    StorageBackend at(int index) {
        return tiers.get(index);
    }

    StorageBackend first() {
        return tiers.getFirst();
    }

    int count() {
        return tiers.size();
    }

    /** Closes all, slowest first. What still waits for a deadline then gets it. */
    void close() {
        try {
            Closing.all(tiers.reversed());
        } finally {
            timer.shutdown();
        }
    }

    /**
     * Memory that an engine can reach, best first: what these tiers prefer in their order, then any memory of theirs.
     *
     * @throws LmcacheException with {@link ErrorCode#LAYOUT_MISMATCH} when no tier has memory that the engine accepts
     */
    static List<BufferAllocator> memoriesOf(List<StorageBackend> tiers, Predicate<MemoryDomain> accepted) {
        List<BufferAllocator> memories = Stream.concat(
                        tiers.stream().map(StorageBackend::allocator),
                        tiers.stream().flatMap(Tiers::everyMemory))
                .filter(memory -> accepted.test(memory.domain()))
                .distinct()
                .toList();
        if (memories.isEmpty()) {
            throw new LmcacheException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "No tier has memory that this source or sink accepts; add the host tier (local_cpu: true), or use a"
                            + " source for the memory that the tiers have");
        }
        return memories;
    }

    /** The first of {@link #memoriesOf}. */
    static BufferAllocator memoryOf(List<StorageBackend> tiers, Predicate<MemoryDomain> accepted) {
        return memoriesOf(tiers, accepted).getFirst();
    }

    private static Stream<BufferAllocator> everyMemory(StorageBackend tier) {
        return Arrays.stream(MemoryDomain.values()).flatMap(domain -> tier.allocator(domain).stream());
    }

    /**
     * Where the longest prefix is: runs without a gap, from chunk 0, each in the fastest tier that continues it. A tier that
     * does not answer in time has nothing.
     */
    List<TierRun> locate(List<ChunkKey> keys, Patience patience) {
        List<TierRun> runs = new ArrayList<>();
        int found = 0;
        int tier = 0;
        // Around the tiers, until none is left that could know more than it has said.
        for (int toAsk = tiers.size(); toAsk > 0 && found < keys.size(); tier = (tier + 1) % tiers.size()) {
            int more = patience.await(tiers.get(tier).containsPrefix(keys.subList(found, keys.size())))
                    .orElse(0);
            toAsk = more > 0 ? tiers.size() - 1 : toAsk - 1;
            if (more > 0) {
                runs.add(new TierRun(tier, found, found + more));
                found += more;
            }
        }
        return runs;
    }

    /** Which chunks some tier has, each for itself: the fastest tier is asked for all, the next for what it has not. */
    BitSet holding(List<ChunkKey> keys) {
        BitSet found = new BitSet(keys.size());
        for (StorageBackend tier : tiers) {
            found.or(holding(keys, found, key -> tier.containsPrefix(List.of(key))));
        }
        return found;
    }

    /** Which chunks the last tier has, by what is there and not by what it remembers. */
    BitSet holdingLast(List<ChunkKey> keys) {
        return holding(keys, new BitSet(), key -> tiers.getLast().confirmPrefix(List.of(key)));
    }

    /** All are asked for at once, but those that need no answer. */
    private static BitSet holding(
            List<ChunkKey> keys, BitSet known, Function<ChunkKey, CompletableFuture<Integer>> ask) {
        int[] asked = IntStream.range(0, keys.size())
                .filter(index -> !known.get(index))
                .toArray();
        List<CompletableFuture<Integer>> answers = Arrays.stream(asked)
                .mapToObj(index -> ask.apply(keys.get(index)))
                .toList();
        BitSet holding = new BitSet(keys.size());
        for (int i = 0; i < asked.length; i++) {
            holding.set(asked[i], answers.get(i).join() > 0);
        }
        return holding;
    }

    /** The end of the last run: the number of chunks that were found. */
    static int found(List<TierRun> runs) {
        return runs.isEmpty() ? 0 : runs.getLast().end();
    }
}
