package io.lmcache.core.engine;

import java.util.concurrent.atomic.LongAdder;

/** What all handles of a stack did together. Thread-safe. */
final class StackCounters {
    private final LongAdder requestedTokens = new LongAdder();
    private final LongAdder hitTokens = new LongAdder();
    private final LongAdder storedTokens = new LongAdder();

    void retrieved(int requested, int hit) {
        requestedTokens.add(requested);
        hitTokens.add(hit);
    }

    void stored(int tokens) {
        storedTokens.add(tokens);
    }

    long requestedTokens() {
        return requestedTokens.sum();
    }

    long hitTokens() {
        return hitTokens.sum();
    }

    long storedTokens() {
        return storedTokens.sum();
    }
}
