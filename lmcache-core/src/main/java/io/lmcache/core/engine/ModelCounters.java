package io.lmcache.core.engine;

import java.util.concurrent.atomic.LongAdder;

/** Counts what all handles of one model do. Thread-safe. */
final class ModelCounters {
    private final LongAdder lookedUpTokens = new LongAdder();
    private final LongAdder foundTokens = new LongAdder();
    private final LongAdder requestedTokens = new LongAdder();
    private final LongAdder hitTokens = new LongAdder();
    private final LongAdder storedTokens = new LongAdder();

    void lookedUp(int asked, int found) {
        lookedUpTokens.add(asked);
        foundTokens.add(found);
    }

    void retrieved(int requested, int hit) {
        requestedTokens.add(requested);
        hitTokens.add(hit);
    }

    void stored(int tokens) {
        storedTokens.add(tokens);
    }

    ModelStats stats() {
        return new ModelStats(
                lookedUpTokens.sum(), foundTokens.sum(), requestedTokens.sum(), hitTokens.sum(), storedTokens.sum());
    }
}
