package io.lmcache.core.storage;

import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.core.metrics.StackMeters;
import io.lmcache.core.metrics.StackMeters.Stopwatch;
import io.micrometer.core.instrument.Tags;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/** What one tier does and holds, counted and shown. Thread-safe. */
final class TierMeters {
    private final StackMeters meters;
    private final StorageBackend tier;
    private final Tags tags;
    private final Kind lookups;
    private final Kind reads;
    private final Kind writes;
    private final ConcurrentMap<String, Traffic> traffic = new ConcurrentHashMap<>();
    private final Map<DeclineReason, LongAdder> declined = new EnumMap<>(DeclineReason.class);

    TierMeters(StorageBackend tier, StackMeters meters) {
        this.meters = meters;
        this.tier = tier;
        this.tags = Tags.of("tier", tier.name());
        this.lookups = new Kind("lookup");
        this.reads = new Kind("read");
        this.writes = new Kind("write");
        for (DeclineReason reason : DeclineReason.values()) {
            LongAdder count = new LongAdder();
            declined.put(reason, count);
            meters.counter(
                    "lmcache.tier.declined.chunks",
                    "Chunks that the tier did not take",
                    tags.and("reason", reason.name().toLowerCase(Locale.ROOT)),
                    count::sum);
        }
        showContent();
        showCounters();
        showMemory();
        showAsLmcacheDoes();
    }

    Kind lookups() {
        return lookups;
    }

    Kind reads() {
        return reads;
    }

    Kind writes() {
        return writes;
    }

    void declined(DeclineReason reason) {
        LongAdder count = declined.get(reason);
        if (count == null) {
            throw new AssertionError(reason + " has no counter");
        }
        count.increment();
    }

    /** What was moved of that model. */
    Traffic traffic(String model) {
        Traffic known = traffic.get(model);
        return known != null ? known : traffic.computeIfAbsent(model, Traffic::new);
    }

    private void showContent() {
        meters.gauge(
                "lmcache.tier.chunks",
                "Chunks that the tier knows to hold",
                tags,
                () -> tier.stats().chunks());
        meters.gauge(
                "lmcache.tier.bytes",
                "Payload bytes of these",
                tags,
                () -> tier.stats().bytes());
        meters.gauge(
                "lmcache.tier.limit.bytes",
                "The most bytes that it may hold; 2^63 - 1 without a limit",
                tags,
                () -> tier.stats().limitBytes());
    }

    private void showCounters() {
        tier.stats().counters().keySet().forEach(this::show);
    }

    private void show(BackendCounter counter) {
        switch (counter) {
            case TIER_HITS -> asked("hit", counter);
            case TIER_MISSES -> asked("miss", counter);
            case TIER_STORED -> count("lmcache.tier.stored.chunks", "Chunks that the tier took", tags, counter);
            case TIER_FAILURES ->
                count("lmcache.tier.failures", "Operations that failed, and were forgiven", tags, counter);
            case EVICTED -> count("lmcache.tier.evicted.chunks", "Chunks removed to make room", tags, counter);
            case CORRUPT -> count("lmcache.tier.corrupt.chunks", "Chunks that failed their check", tags, counter);
            case READ_BREAKER_OPEN -> breaker("read", counter);
            case WRITE_BREAKER_OPEN -> breaker("write", counter);
            case READ_BREAKER_REFUSALS -> refused("read", counter);
            case WRITE_BREAKER_REFUSALS -> refused("write", counter);
            case DIRECT_OPERATIONS -> path("direct", counter);
            case DIRECT_BYTES -> pathBytes("direct", counter);
            case COMPATIBLE_OPERATIONS -> path("compatible", counter);
            case COMPATIBLE_BYTES -> pathBytes("compatible", counter);
            case STAGED_OPERATIONS -> path("staged", counter);
            case STAGED_BYTES -> pathBytes("staged", counter);
            case HOST_OPERATIONS -> path("host", counter);
            case HOST_BYTES -> pathBytes("host", counter);
            case PAGE_LOCKED_BYTES ->
                memory("lmcache.memory.page.locked.bytes", "Host memory that is page-locked for copies", counter);
            case STAGING_BYTES ->
                memory("lmcache.memory.staging.bytes", "Page-locked memory between files and GPU memory", counter);
            case LOOKUPS_WAITING -> waiting("lookup", counter);
            case READS_WAITING -> waiting("read", counter);
            case WRITES_WAITING -> waiting("write", counter);
            case LOOKUP_WAITS -> waits("lookup", counter, BackendCounter.LOOKUP_WAIT_NANOS);
            case READ_WAITS -> waits("read", counter, BackendCounter.READ_WAIT_NANOS);
            case WRITE_WAITS -> waits("write", counter, BackendCounter.WRITE_WAIT_NANOS);
            // With what they belong to: the counts above, and the reasons of those that were declined.
            case LOOKUP_WAIT_NANOS, READ_WAIT_NANOS, WRITE_WAIT_NANOS, TIER_DECLINED -> {}
            case HITS,
                    MISSES,
                    STORED,
                    ALREADY_PRESENT,
                    DECLINED,
                    INEXPRESSIBLE,
                    OTHER,
                    MISREAD,
                    QUARANTINE_REMOVED,
                    EXPIRED,
                    UNDELETABLE,
                    STALE_METADATA,
                    STALE_TEMPORARIES,
                    EMPTY_DIRECTORIES,
                    IO_ERRORS,
                    BYTES_READ,
                    BYTES_WRITTEN ->
                count(
                        "lmcache.tier.events",
                        "What else the backend counts",
                        tags.and("event", counter.text()),
                        counter);
        }
    }

    private LongSupplier of(BackendCounter counter) {
        return () -> tier.stats().count(counter);
    }

    private void count(String name, String description, Tags tags, BackendCounter counter) {
        meters.counter(name, description, tags, of(counter));
    }

    private void asked(String outcome, BackendCounter counter) {
        count("lmcache.tier.read.chunks", "Chunks that the tier was asked for", tags.and("outcome", outcome), counter);
    }

    private void breaker(String operation, BackendCounter counter) {
        meters.gauge(
                "lmcache.tier.breaker.open",
                "1 while the tier is left alone after failures",
                tags.and("operation", operation),
                of(counter)::getAsLong);
    }

    private void refused(String operation, BackendCounter counter) {
        count(
                "lmcache.tier.breaker.refusals",
                "Operations that were not tried while it was",
                tags.and("operation", operation),
                counter);
    }

    private void path(String path, BackendCounter counter) {
        count("lmcache.tier.path.operations", "Transfers by the way they took", tags.and("path", path), counter);
    }

    private void pathBytes(String path, BackendCounter counter) {
        count("lmcache.tier.path.bytes", "Bytes by the way they took", tags.and("path", path), counter);
    }

    private void memory(String name, String description, BackendCounter counter) {
        meters.gauge(name, description, Tags.of("owner", tier.name()), of(counter)::getAsLong);
    }

    private void waiting(String operation, BackendCounter counter) {
        meters.gauge(
                "lmcache.tier.queue.size",
                "Operations that wait for an I/O thread",
                tags.and("operation", operation),
                of(counter)::getAsLong);
    }

    private void waits(String operation, BackendCounter count, BackendCounter nanos) {
        meters.total(
                "lmcache.tier.queue.wait",
                "How long operations waited for an I/O thread",
                tags.and("operation", operation),
                of(count),
                of(nanos));
    }

    private void showMemory() {
        Stream.concat(
                        Stream.of(tier.allocator()),
                        Stream.of(MemoryDomain.values()).flatMap(domain -> tier.allocator(domain).stream()))
                .distinct()
                .filter(memory -> memory.limitBytes() > 0)
                .forEach(this::showMemory);
    }

    private void showMemory(BufferAllocator memory) {
        Tags owner =
                Tags.of("owner", memory.name(), "domain", memory.domain().name().toLowerCase(Locale.ROOT));
        meters.gauge("lmcache.memory.used.bytes", "Memory in use", owner, memory::usedBytes);
        meters.gauge("lmcache.memory.peak.bytes", "The most that was in use", owner, memory::peakBytes);
        meters.gauge("lmcache.memory.limit.bytes", "The most that may be in use", owner, memory::limitBytes);
    }

    /** A tier in memory is what LMCache calls local cache or L1; one that outlives the process, storage or L2. */
    private void showAsLmcacheDoes() {
        LongSupplier evicted = of(BackendCounter.EVICTED);
        if (Tiers.keepsChunksInMemory(tier)) {
            meters.lmcache()
                    .gauge(
                            "lmcache:local_cache_usage",
                            Tags.empty(),
                            () -> tier.stats().bytes())
                    .gauge(
                            "lmcache:local_cpu_hot_cache_count",
                            Tags.empty(),
                            () -> tier.stats().chunks())
                    .counter("lmcache:local_cpu_evict_count", Tags.empty(), evicted)
                    .counter("lmcache:local_cpu_evict_keys_count", Tags.empty(), evicted)
                    .counter("lmcache_mp.l1_read_chunks", Tags.empty(), of(BackendCounter.TIER_HITS))
                    .counter("lmcache_mp.l1_write_chunks", Tags.empty(), of(BackendCounter.TIER_STORED))
                    .counter("lmcache_mp.l1_evicted_chunks", Tags.empty(), evicted)
                    .gauge(
                            "lmcache_mp.l1_memory_usage_bytes",
                            Tags.empty(),
                            () -> tier.allocator().usedBytes())
                    .gauge(
                            "lmcache_mp.l1_usage_ratio",
                            Tags.empty(),
                            () -> (double) tier.allocator().usedBytes()
                                    / Math.max(1, tier.allocator().limitBytes()));
        } else {
            Tags name = Tags.of("l2_name", tier.name());
            meters.lmcache()
                    .gauge(
                            "lmcache:local_storage_usage",
                            Tags.empty(),
                            () -> tier.stats().bytes())
                    .gauge("lmcache_mp.l2_usage_bytes", name, () -> tier.stats().bytes())
                    .counter("lmcache_mp.l2_store_submitted_objects_chunks", name, writes::begun)
                    .counter("lmcache_mp.l2_store_completed_objects_chunks", name, of(BackendCounter.TIER_STORED))
                    .counter("lmcache_mp.l2_prefetch_load_completed_chunks", name, of(BackendCounter.TIER_HITS))
                    .counter("lmcache_mp.l2_evicted_objects_chunks", name, evicted)
                    .gauge("lmcache_mp.num_inflight_l2_stores", name, writes::underWay)
                    .gauge("lmcache_mp.num_inflight_l2_loads", name, reads::underWay);
        }
    }

    /** Operations of one kind. */
    final class Kind {
        private final String name;
        private final Stopwatch time;
        private final LongAdder begun = new LongAdder();
        private final LongAdder ended = new LongAdder();

        private Kind(String name) {
            this.name = name;
            Tags operation = tags.and("operation", name);
            this.time = meters.durations(
                    "lmcache.tier.duration", "How long operations of the tier took, waiting included", operation);
            meters.gauge("lmcache.tier.operations.active", "Operations begun and not ended", operation, this::underWay);
        }

        String name() {
            return name;
        }

        void begin() {
            begun.increment();
        }

        void end(long nanos) {
            ended.increment();
            time.record(nanos);
        }

        private long begun() {
            return begun.sum();
        }

        private long underWay() {
            // In this order: what begins and ends in between must not make it negative.
            long before = ended.sum();
            return begun.sum() - before;
        }
    }

    /** What was read and written of one model. */
    final class Traffic {
        private final LongAdder readTokens = new LongAdder();
        private final LongAdder readBytes = new LongAdder();
        private final LongAdder writtenTokens = new LongAdder();
        private final LongAdder writtenBytes = new LongAdder();

        private Traffic(String model) {
            Tags both = tags.and("model", model);
            meters.counter("lmcache.tier.read.tokens", "Tokens read, promotions included", both, readTokens::sum);
            meters.counter("lmcache.tier.read.bytes", "Their payload", both, readBytes::sum);
            meters.counter(
                    "lmcache.tier.stored.tokens", "Tokens stored, promotions included", both, writtenTokens::sum);
            meters.counter("lmcache.tier.stored.bytes", "Their payload", both, writtenBytes::sum);
        }

        void hasRead(ChunkMeta meta) {
            readTokens.add(meta.tokens());
            readBytes.add(meta.byteSize());
        }

        void hasWritten(ChunkMeta meta) {
            writtenTokens.add(meta.tokens());
            writtenBytes.add(meta.byteSize());
        }
    }
}
