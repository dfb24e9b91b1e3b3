package io.lmcache.core.engine;

import io.lmcache.core.metrics.RecentRate;
import io.lmcache.core.metrics.StackMeters;
import io.lmcache.core.metrics.StackMeters.LmcacheMeters;
import io.lmcache.core.metrics.StackMeters.Stopwatch;
import io.micrometer.core.instrument.Tags;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.DoubleConsumer;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Counts what all handles of one model do, and shows it. Thread-safe. */
final class ModelCounters {
    private static final double NANOS = 1e9;

    private final LongAdder lookups = new LongAdder();
    private final LongAdder lookupsInVain = new LongAdder();
    private final LongAdder lookedUpTokens = new LongAdder();
    private final LongAdder foundTokens = new LongAdder();
    private final LongAdder retrieves = new LongAdder();
    private final LongAdder requestedTokens = new LongAdder();
    private final LongAdder hitTokens = new LongAdder();
    private final LongAdder stores = new LongAdder();
    private final LongAdder storedTokens = new LongAdder();
    private final LongAdder declinedTokens = new LongAdder();
    private final Map<String, LongAdder> foundInTier;
    private final Map<String, LongAdder> hitInTier;
    private final Stopwatch lookupTime;
    private final Stopwatch retrieveTime;
    private final Stopwatch storeTime;
    private final DoubleConsumer lookupSeconds;
    private final DoubleConsumer lookupHitRate;
    private final DoubleConsumer retrieveSeconds;
    private final DoubleConsumer retrieveSpeed;
    private final DoubleConsumer storeSeconds;
    private final DoubleConsumer storeSpeed;

    ModelCounters(String model, List<String> tiers, StackMeters meters) {
        Tags tags = Tags.of("model", model);
        this.foundInTier = tiers.stream().collect(Collectors.toMap(Function.identity(), _ -> new LongAdder()));
        this.hitInTier = tiers.stream().collect(Collectors.toMap(Function.identity(), _ -> new LongAdder()));
        count(meters, tags);
        this.lookupTime = time(meters, "lookup", tags);
        this.retrieveTime = time(meters, "retrieve", tags);
        this.storeTime = time(meters, "store", tags);
        LmcacheMeters lmcache = meters.lmcache();
        Tags theirs = Tags.of("model_name", model);
        count(lmcache, theirs);
        this.lookupSeconds = lmcache.lookupSeconds("lmcache:time_to_lookup", theirs);
        this.lookupHitRate = lmcache.ratios("lmcache:request_cache_hit_rate", theirs);
        this.retrieveSeconds = lmcache.seconds("lmcache:time_to_retrieve", theirs);
        this.retrieveSpeed = lmcache.tokensPerSecond("lmcache:retrieve_speed", theirs);
        this.storeSeconds = lmcache.seconds("lmcache:time_to_store", theirs);
        this.storeSpeed = lmcache.tokensPerSecond("lmcache:store_speed", theirs);
    }

    private void count(StackMeters meters, Tags tags) {
        String requests = "Calls of engines";
        meters.counter("lmcache.requests", requests, tags.and("operation", "lookup"), lookups::sum);
        meters.counter("lmcache.requests", requests, tags.and("operation", "retrieve"), retrieves::sum);
        meters.counter("lmcache.requests", requests, tags.and("operation", "store"), stores::sum);
        meters.counter("lmcache.lookup.tokens", "Tokens of prompts looked up or pinned", tags, lookedUpTokens::sum);
        meters.counter("lmcache.lookup.found.tokens", "Those of them that were there", tags, foundTokens::sum);
        meters.counter("lmcache.retrieve.tokens", "Tokens of prompts retrieved", tags, requestedTokens::sum);
        meters.counter("lmcache.retrieve.hit.tokens", "Those of them that the engine then had", tags, hitTokens::sum);
        meters.counter(
                "lmcache.store.tokens", "Tokens read from engines and handed to the tiers", tags, storedTokens::sum);
        meters.counter(
                "lmcache.store.declined.tokens", "Tokens not stored for want of memory", tags, declinedTokens::sum);
        foundInTier.forEach((tier, tokens) -> meters.counter(
                "lmcache.tier.found.tokens", "Tokens that lookups found there", tags.and("tier", tier), tokens::sum));
        hitInTier.forEach((tier, tokens) -> meters.counter(
                "lmcache.tier.hit.tokens",
                "Tokens that retrieves had from there",
                tags.and("tier", tier),
                tokens::sum));
    }

    private void count(LmcacheMeters lmcache, Tags tags) {
        lmcache.counter("lmcache:num_lookup_requests", tags, lookups::sum)
                .counter("lmcache:lookup_0_hit_requests", tags, lookupsInVain::sum)
                .counter("lmcache:num_lookup_tokens", tags, lookedUpTokens::sum)
                .counter("lmcache:num_lookup_hits", tags, foundTokens::sum)
                .counter("lmcache_mp.lookup_requested_tokens", tags, lookedUpTokens::sum)
                .counter("lmcache_mp.lookup_hit_tokens", tags, foundTokens::sum)
                .counter("lmcache:num_retrieve_requests", tags, retrieves::sum)
                .counter("lmcache:num_requested_tokens", tags, requestedTokens::sum)
                .counter("lmcache:num_hit_tokens", tags, hitTokens::sum)
                .counter("lmcache:num_store_requests", tags, stores::sum)
                .counter("lmcache:num_stored_tokens", tags, storedTokens::sum)
                .gauge("lmcache:lookup_hit_rate", tags, new RecentRate(foundTokens::sum, lookedUpTokens::sum))
                .gauge("lmcache:retrieve_hit_rate", tags, new RecentRate(hitTokens::sum, requestedTokens::sum));
    }

    private static Stopwatch time(StackMeters meters, String operation, Tags tags) {
        return meters.durations(
                "lmcache.request.duration", "How long calls of engines took", tags.and("operation", operation));
    }

    void found(String tier, int tokens) {
        add(foundInTier, tier, tokens);
    }

    void lookedUp(int asked, int found, long nanos) {
        lookups.increment();
        lookedUpTokens.add(asked);
        foundTokens.add(found);
        lookupTime.record(nanos);
        lookupSeconds.accept(nanos / NANOS);
        if (found == 0) {
            lookupsInVain.increment();
        } else {
            lookupHitRate.accept((double) found / asked);
        }
    }

    void retrieved(int requested, int hit, Map<String, Integer> hitByTier, long nanos) {
        retrieves.increment();
        requestedTokens.add(requested);
        hitTokens.add(hit);
        hitByTier.forEach((tier, tokens) -> add(hitInTier, tier, tokens));
        retrieveTime.record(nanos);
        retrieveSeconds.accept(nanos / NANOS);
        retrieveSpeed.accept(hit * NANOS / Math.max(1, nanos));
    }

    void stored(int stored, int declined, long nanos) {
        stores.increment();
        storedTokens.add(stored);
        declinedTokens.add(declined);
        storeTime.record(nanos);
        storeSeconds.accept(nanos / NANOS);
        storeSpeed.accept(stored * NANOS / Math.max(1, nanos));
    }

    private static void add(Map<String, LongAdder> byTier, String tier, int tokens) {
        LongAdder adder = byTier.get(tier);
        if (adder == null) {
            throw new AssertionError("there is no tier " + tier);
        }
        adder.add(tokens);
    }

    ModelStats stats() {
        return new ModelStats(
                lookups.sum(),
                lookedUpTokens.sum(),
                foundTokens.sum(),
                retrieves.sum(),
                requestedTokens.sum(),
                hitTokens.sum(),
                stores.sum(),
                storedTokens.sum(),
                declinedTokens.sum());
    }
}
