package io.lmcache.cli.bench;

import io.lmcache.api.KeyScope;
import io.lmcache.api.KvLayout;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.api.option.ByteSize;
import io.lmcache.cli.bench.Contest.Contender;
import io.lmcache.cli.bench.Contest.Medians;
import io.lmcache.cli.bench.Report.Row;
import io.lmcache.core.engine.HostKvTensor;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;
import jdk.jfr.Recording;

/** What it costs to be watched: the host tier with meters and a flight recording, beside the same without. */
final class MetricsBench {
    private static final List<String> EVENTS =
            List.of("lmcache.Lookup", "lmcache.Retrieve", "lmcache.Store", "lmcache.TierOperation", "lmcache.Eviction");
    private static final KvLayout LARGE = Models.LARGE.layout();
    private static final double MICROS = 1e6;
    /** Of what takes a tenth of a millisecond, so that a round is long enough to be timed. */
    private static final int LOOKUPS = 10;

    private final Scale scale;
    private final Contest contest;

    MetricsBench(Scale scale, Contest contest) {
        this.scale = scale;
        this.contest = contest;
    }

    List<Row> measure() throws IOException {
        try (Recording recording = new Recording()) {
            recording.setToDisk(false);
            recording.start();
            return List.of(lookup(recording), retrieve(recording));
        }
    }

    private Row lookup(Recording recording) throws IOException {
        int[] prompt = Models.prompt(1, scale.promptChunks() * Models.CHUNK_TOKENS);
        long slab = scale.promptChunks() * Models.chunkBytes(Models.TINY);
        try (LmcacheStack watched = open(new SimpleMeterRegistry(), slab);
                LmcacheStack plain = open(new CompositeMeterRegistry(), slab)) {
            watched.cache(Models.TINY).store(prompt, (_, _) -> {});
            plain.cache(Models.TINY).store(prompt, (_, _) -> {});
            ToIntFunction<KvCache> lookups = cache -> {
                int found = 0;
                for (int i = 0; i < LOOKUPS; i++) {
                    found += cache.lookup(prompt);
                }
                return found;
            };
            Medians seconds = contest.hold(
                    (long) LOOKUPS * prompt.length,
                    scale.computeRounds(),
                    scale.computeRounds(),
                    watched(recording, watched, Models.TINY, lookups),
                    plain(recording, plain, Models.TINY, lookups));
            return row("look up " + scale.promptChunks() + " chunks while watched", seconds, LOOKUPS);
        }
    }

    private Row retrieve(Recording recording) throws IOException {
        int tokens = scale.hostTierChunks() * Models.CHUNK_TOKENS;
        int[] prompt = Models.prompt(1, tokens);
        long bytes = LARGE.chunkBytes(tokens);
        try (HostRegion region = new HostRegion(bytes);
                LmcacheStack watched = open(new SimpleMeterRegistry(), bytes);
                LmcacheStack plain = open(new CompositeMeterRegistry(), bytes)) {
            HostKvTensor tensor = new HostKvTensor(LARGE, region.segment(), tokens);
            watched.cache(Models.LARGE).store(prompt, tensor);
            plain.cache(Models.LARGE).store(prompt, tensor);
            ToIntFunction<KvCache> retrieve =
                    cache -> cache.retrieve(prompt, tensor).tokens();
            Medians seconds = contest.hold(
                    tokens,
                    scale.warmUps(),
                    scale.copyRounds(),
                    watched(recording, watched, Models.LARGE, retrieve),
                    plain(recording, plain, Models.LARGE, retrieve));
            return row("retrieve " + scale.hostTierChunks() + " chunks of 32 MiB while watched", seconds, 1);
        }
    }

    private static Row row(String what, Medians seconds, int times) {
        return new Row(
                what,
                "us",
                seconds.candidate() * MICROS / times,
                seconds.ceiling() * MICROS / times,
                new Target.RatioAtMost(1.01));
    }

    private static LmcacheStack open(MeterRegistry registry, long bytes) {
        return LmcacheStack.builder()
                .meters(registry)
                .tier("cpu", Map.of("max_local_cpu_size", new ByteSize(bytes)))
                .build();
    }

    private static Contender watched(
            Recording recording, LmcacheStack stack, KeyScope scope, ToIntFunction<KvCache> work) {
        return contender(stack.cache(scope), work, () -> EVENTS.forEach(recording::enable));
    }

    private static Contender plain(
            Recording recording, LmcacheStack stack, KeyScope scope, ToIntFunction<KvCache> work) {
        return contender(stack.cache(scope), work, () -> EVENTS.forEach(recording::disable));
    }

    private static Contender contender(KvCache cache, ToIntFunction<KvCache> work, Runnable before) {
        return new Contender() {
            @Override
            public void prepare() {
                before.run();
            }

            @Override
            public long run() {
                return work.applyAsInt(cache);
            }
        };
    }
}
