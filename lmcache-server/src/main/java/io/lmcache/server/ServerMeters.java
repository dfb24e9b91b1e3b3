package io.lmcache.server;

import io.lmcache.core.metrics.MetricNames;
import io.lmcache.core.metrics.StackMeters;
import io.lmcache.server.protocol.Reason;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/** What a server holds and does, shown. Thread-safe. */
final class ServerMeters implements AutoCloseable {
    private final StackMeters meters;
    private final Map<Reason, LongAdder> refusals = new EnumMap<>(Reason.class);

    ServerMeters(MeterRegistry registry) {
        this.meters = new StackMeters(registry, MetricNames.OWN);
        for (Reason reason : Reason.values()) {
            if (reason != Reason.REASON_UNSPECIFIED && reason != Reason.UNRECOGNIZED) {
                LongAdder count = new LongAdder();
                refusals.put(reason, count);
                meters.counter(
                        "lmcache.server.refusals",
                        "Calls that failed",
                        Tags.of("reason", reason.name().toLowerCase(Locale.ROOT)),
                        count::sum);
            }
        }
    }

    /** Shows what clients hold. */
    void show(Sessions sessions) {
        meters.gauge(
                "lmcache.server.sessions",
                "Sessions that are open",
                Tags.empty(),
                () -> sessions.all().size());
        meters.gauge(
                "lmcache.server.pins",
                "Prefixes that sessions keep from eviction",
                Tags.empty(),
                () -> sessions.all().stream()
                        .mapToInt(session -> session.pins().count())
                        .sum());
        meters.gauge(
                "lmcache.server.kv.caches",
                "Registered KV caches",
                Tags.empty(),
                () -> sessions.caches().size());
        meters.gauge(
                "lmcache.server.mapped.bytes",
                "Bytes of engines' memory that are mapped",
                Tags.empty(),
                () -> sessions.caches().stream()
                        .mapToLong(RegisteredCache::mappedBytes)
                        .sum());
        meters.gauge(
                "lmcache.memory.engines.bytes",
                "GPU memory that the server has taken beside engines' KV caches",
                Tags.of("owner", "server"),
                () -> sessions.caches().stream()
                        .mapToLong(RegisteredCache::deviceBytes)
                        .sum());
    }

    void show(Gpus gpus) {
        meters.gauge(
                "lmcache.memory.page.locked.bytes",
                "Host memory that is page-locked for copies",
                Tags.of("owner", "server"),
                gpus::lockedHostBytes);
    }

    void show(CallsInFlight calls) {
        meters.gauge("lmcache.server.calls.active", "Calls under way", Tags.empty(), calls::count);
    }

    /** Shows the wait for the CPU. */
    void show(Turns copies) {
        meters.gauge(
                "lmcache.server.queue.size", "Stores that wait for their turn at copying", Tags.empty(), copies::waiting);
        meters.total(
                "lmcache.server.queue.wait",
                "How long stores waited for it",
                Tags.empty(),
                copies::waits,
                copies::waitNanos);
    }

    void refused(Reason reason) {
        LongAdder count = refusals.get(reason);
        if (count != null) {
            count.increment();
        }
    }

    @Override
    public void close() {
        meters.close();
    }
}
