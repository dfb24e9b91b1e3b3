package io.lmcache.core.metrics;

import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleConsumer;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;

/**
 * The meters of one stack in the registry of whoever watches it. What counts is kept by those who count, and read when
 * somebody looks; only durations are recorded here.
 *
 * <p>Thread-safe. {@link #close()} takes the meters out of the registry again, which stays its owner's.
 */
public final class StackMeters implements AutoCloseable {
    /** From a lookup in memory to a disk that hangs. */
    private static final Duration[] DURATIONS = {
        Duration.ofNanos(100_000),
        Duration.ofNanos(300_000),
        Duration.ofMillis(1),
        Duration.ofMillis(3),
        Duration.ofMillis(10),
        Duration.ofMillis(30),
        Duration.ofMillis(100),
        Duration.ofMillis(300),
        Duration.ofSeconds(1),
        Duration.ofSeconds(3),
        Duration.ofSeconds(10)
    };

    private static final double[] SECONDS = {
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10
    };
    /** From 10 microseconds to 5 seconds. */
    private static final double[] LOOKUP_SECONDS =
            IntStream.range(0, 20).mapToDouble(i -> 0.00001 * (1 << i)).toArray();

    private static final double[] TOKENS_PER_SECOND = {
        1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536
    };
    private static final double[] RATIOS = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1};

    private final MeterRegistry registry;
    private final MetricNames names;
    /** With what they read, which a registry refers to weakly. */
    private final Queue<Registered> registered = new ConcurrentLinkedQueue<>();

    private record Registered(Meter meter, Object source) {}

    /** Measures how long something takes. */
    @FunctionalInterface
    public interface Stopwatch {
        /** It took so many nanoseconds. */
        void record(long nanos);
    }

    /** Meters in that registry. */
    public StackMeters(MeterRegistry registry, MetricNames names) {
        this.registry = registry;
        this.names = names;
    }

    /** Meters that nobody looks at. */
    public static StackMeters none() {
        return new StackMeters(new CompositeMeterRegistry(), MetricNames.OWN);
    }

    /** A count that only grows, read from its keeper. */
    public void counter(String name, String description, Tags tags, LongSupplier count) {
        FunctionCounter meter = FunctionCounter.builder(name, count, LongSupplier::getAsLong)
                .description(description)
                .tags(tags)
                .register(registry);
        registered.add(new Registered(meter, count));
    }

    /** A value that goes up and down, read from its keeper. */
    public void gauge(String name, String description, Tags tags, DoubleSupplier value) {
        Gauge meter = Gauge.builder(name, value, DoubleSupplier::getAsDouble)
                .description(description)
                .tags(tags)
                .register(registry);
        registered.add(new Registered(meter, value));
    }

    /** How often something took how many nanoseconds in all, read from its keeper. */
    public void total(String name, String description, Tags tags, LongSupplier count, LongSupplier nanos) {
        Object source = List.of(count, nanos);
        FunctionTimer meter = FunctionTimer.builder(
                        name, source, _ -> count.getAsLong(), _ -> nanos.getAsLong(), TimeUnit.NANOSECONDS)
                .description(description)
                .tags(tags)
                .register(registry);
        registered.add(new Registered(meter, source));
    }

    /** A histogram of durations. */
    public Stopwatch durations(String name, String description, Tags tags) {
        Timer meter = Timer.builder(name)
                .description(description)
                .tags(tags)
                .serviceLevelObjectives(DURATIONS)
                .register(registry);
        registered.add(new Registered(meter, meter));
        return nanos -> meter.record(nanos, TimeUnit.NANOSECONDS);
    }

    /** What LMCache's names are registered by; nothing happens unless they are asked for. */
    public LmcacheMeters lmcache() {
        return new LmcacheMeters();
    }

    /** Meters under LMCache's names, with LMCache's tags, units and buckets. */
    public final class LmcacheMeters {
        private static final String DESCRIPTION = "As LMCache has it; see docs/metrics.md";

        private LmcacheMeters() {}

        /** A count that only grows. */
        public LmcacheMeters counter(String name, Tags tags, LongSupplier count) {
            if (isWanted()) {
                StackMeters.this.counter(name, DESCRIPTION, tags, count);
            }
            return this;
        }

        /** A value that goes up and down. */
        public LmcacheMeters gauge(String name, Tags tags, DoubleSupplier value) {
            if (isWanted()) {
                StackMeters.this.gauge(name, DESCRIPTION, tags, value);
            }
            return this;
        }

        /** A histogram of seconds. */
        public DoubleConsumer seconds(String name, Tags tags) {
            return histogram(name, tags, SECONDS);
        }

        /** A histogram of the seconds of lookups. */
        public DoubleConsumer lookupSeconds(String name, Tags tags) {
            return histogram(name, tags, LOOKUP_SECONDS);
        }

        /** A histogram of tokens in a second. */
        public DoubleConsumer tokensPerSecond(String name, Tags tags) {
            return histogram(name, tags, TOKENS_PER_SECOND);
        }

        /** A histogram of values from 0 to 1. */
        public DoubleConsumer ratios(String name, Tags tags) {
            return histogram(name, tags, RATIOS);
        }

        private DoubleConsumer histogram(String name, Tags tags, double... buckets) {
            if (!isWanted()) {
                return _ -> {};
            }
            DistributionSummary meter = DistributionSummary.builder(name)
                    .description(DESCRIPTION)
                    .tags(tags)
                    .serviceLevelObjectives(buckets)
                    .register(registry);
            registered.add(new Registered(meter, meter));
            return meter::record;
        }

        @Override
        public String toString() {
            return "LmcacheMeters[wanted=" + isWanted() + "]";
        }

        private boolean isWanted() {
            return names == MetricNames.LMCACHE;
        }
    }

    @Override
    public String toString() {
        return "StackMeters[names=" + names + ", meters=" + registered.size() + "]";
    }

    /** Takes the meters out of the registry. Idempotent. */
    @Override
    public void close() {
        List<Registered> all = new ArrayList<>();
        for (Registered next = registered.poll(); next != null; next = registered.poll()) {
            all.add(next);
        }
        all.forEach(one -> registry.remove(one.meter()));
    }
}
