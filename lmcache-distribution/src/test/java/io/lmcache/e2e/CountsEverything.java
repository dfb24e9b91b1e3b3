package io.lmcache.e2e;

import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.api.spi.ForwardingBackend;
import io.lmcache.api.spi.StorageBackend;
import java.util.EnumMap;
import java.util.Map;

/** A backend that counts what another one does, and all else that any backend may count. */
final class CountsEverything extends ForwardingBackend {
    CountsEverything(StorageBackend delegate) {
        super(delegate);
    }

    @Override
    public BackendStats stats() {
        Map<BackendCounter, Long> all = new EnumMap<>(BackendCounter.class);
        for (BackendCounter counter : BackendCounter.values()) {
            all.put(counter, 0L);
        }
        BackendStats stats = super.stats();
        return new BackendStats(stats.chunks(), stats.bytes(), stats.limitBytes(), all).with(stats.counters());
    }
}
