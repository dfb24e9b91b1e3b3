package io.lmcache.core.storage;

import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.MemoryDomain;
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
        meters.gauge("lmcache.tier.chunks", "Chunks that the tier knows to hold", tags, () -> tier.stats().chunks());
        meters.gauge("lmcache.tier.bytes", "Payload bytes of these", tags, () -> tier.stats().bytes());
        meters.gauge(
                "lmcache.tier.limit.bytes",
                "The most bytes that it may hold; 2^63 - 1 without a limit",
                tags,
                () -> tier.stats().limitBytes());
    }

    /** Those of the stack, and whatever else the backend counts. */
    private void showCounters() {
        for (String name : tier.stats().counters().keySet()) {
            LongSupplier count = () -> count(name);
            switch (name) {
                case "tier_hits" -> outcome("lmcache.tier.read.chunks", "hit", count);
                case "tier_misses" -> outcome("lmcache.tier.read.chunks", "miss", count);
                case "tier_stored" ->
                    meters.counter("lmcache.tier.stored.chunks", "Chunks that the tier took", tags, count);
                case "tier_failures" ->
                    meters.counter("lmcache.tier.failures", "Operations that failed, and were forgiven", tags, count);
                case "evicted" ->
                    meters.counter("lmcache.tier.evicted.chunks", "Chunks removed to make room", tags, count);
                case "corrupt" ->
                    meters.counter("lmcache.tier.corrupt.chunks", "Chunks that failed their check", tags, count);
                case "read_breaker_open" -> breaker("read", count);
                case "write_breaker_open" -> breaker("write", count);
                case "tier_declined" -> {}
                case "page_locked_bytes" ->
                    meters.gauge(
                            "lmcache.memory.page.locked.bytes",
                            "Host memory that is page-locked for copies",
                            Tags.of("owner", tier.name()),
                            count::getAsLong);
                case "staging_bytes" ->
                    meters.gauge(
                            "lmcache.memory.staging.bytes",
                            "Page-locked memory between files and GPU memory",
                            Tags.of("owner", tier.name()),
                            count::getAsLong);
                default -> other(name, count);
            }
        }
    }

    private long count(String name) {
        return tier.stats().counters().getOrDefault(name, 0L);
    }

    private void outcome(String name, String outcome, LongSupplier count) {
        meters.counter(name, "Chunks that the tier was asked for", tags.and("outcome", outcome), count);
    }

    private void breaker(String operation, LongSupplier isOpen) {
        meters.gauge(
                "lmcache.tier.breaker.open",
                "1 while the tier is left alone after failures",
                tags.and("operation", operation),
                isOpen::getAsLong);
    }

    private void other(String name, LongSupplier count) {
        String[] words = name.split("\\.", -1);
        if (words.length == 3 && words[0].equals("queue")) {
            queue(words[1], words[2], count);
        } else if (words.length == 3 && words[0].equals("path")) {
            meters.counter(
                    "lmcache.tier.path." + words[2],
                    "Operations, and their bytes, by the way between file and memory",
                    tags.and("path", words[1]),
                    count);
        } else {
            meters.counter("lmcache.tier.events", "What else the backend counts", tags.and("event", name), count);
        }
    }

    private void queue(String queue, String word, LongSupplier count) {
        Tags which = tags.and("queue", queue);
        switch (word) {
            case "waiting" ->
                meters.gauge(
                        "lmcache.tier.queue.size", "Tasks that wait for an I/O thread", which, count::getAsLong);
            case "tasks" ->
                meters.total(
                        "lmcache.tier.queue.wait",
                        "How long tasks waited for an I/O thread",
                        which,
                        count,
                        () -> count("queue." + queue + ".wait_nanos"));
            default -> {}
        }
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
        Tags owner = Tags.of(
                "owner", memory.name(), "domain", memory.domain().name().toLowerCase(Locale.ROOT));
        meters.gauge("lmcache.memory.used.bytes", "Memory in use", owner, memory::usedBytes);
        meters.gauge("lmcache.memory.peak.bytes", "The most that was in use", owner, memory::peakBytes);
        meters.gauge("lmcache.memory.limit.bytes", "The most that may be in use", owner, memory::limitBytes);
    }

    /** A tier in memory is what LMCache calls local cache or L1; one that outlives the process, storage or L2. */
    private void showAsLmcacheDoes() {
        LongSupplier evicted = () -> count("evicted");
        if (Tiers.keepsChunksInMemory(tier)) {
            meters.lmcache()
                    .gauge("lmcache:local_cache_usage", Tags.empty(), () -> tier.stats().bytes())
                    .gauge("lmcache:local_cpu_hot_cache_count", Tags.empty(), () -> tier.stats().chunks())
                    .counter("lmcache:local_cpu_evict_count", Tags.empty(), evicted)
                    .counter("lmcache:local_cpu_evict_keys_count", Tags.empty(), evicted)
                    .counter("lmcache_mp.l1_read_chunks", Tags.empty(), () -> count("tier_hits"))
                    .counter("lmcache_mp.l1_write_chunks", Tags.empty(), () -> count("tier_stored"))
                    .counter("lmcache_mp.l1_evicted_chunks", Tags.empty(), evicted)
                    .gauge("lmcache_mp.l1_memory_usage_bytes", Tags.empty(), () -> tier.allocator().usedBytes())
                    .gauge("lmcache_mp.l1_usage_ratio", Tags.empty(), () -> (double) tier.allocator().usedBytes()
                            / Math.max(1, tier.allocator().limitBytes()));
        } else {
            Tags name = Tags.of("l2_name", tier.name());
            meters.lmcache()
                    .gauge("lmcache:local_storage_usage", Tags.empty(), () -> tier.stats().bytes())
                    .gauge("lmcache_mp.l2_usage_bytes", name, () -> tier.stats().bytes())
                    .counter("lmcache_mp.l2_store_submitted_objects_chunks", name, writes::begun)
                    .counter("lmcache_mp.l2_store_completed_objects_chunks", name, () -> count("tier_stored"))
                    .counter("lmcache_mp.l2_prefetch_load_completed_chunks", name, () -> count("tier_hits"))
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
            meters.gauge(
                    "lmcache.tier.operations.active", "Operations begun and not ended", operation, this::underWay);
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
            meters.counter("lmcache.tier.stored.tokens", "Tokens stored, promotions included", both, writtenTokens::sum);
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
