package io.lmcache.core.storage;

import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.StorageBackend;
import java.util.List;

/** The host memory of tiers that have started, as the next tier is told of it. Stateless and thread-safe. */
public final class HostMemory {
    private HostMemory() {}

    /** The surroundings, with the host memory of these tiers. */
    public static BackendContext below(List<StorageBackend> tiers, BackendContext context) {
        return new BackendContext(context.instanceId(), context.clock(), of(tiers));
    }

    /** The regions that these tiers keep chunks in. */
    static List<HostBuffer> of(List<StorageBackend> tiers) {
        return tiers.stream()
                .flatMap(tier -> tier.allocator().region().stream())
                .filter(HostBuffer.class::isInstance)
                .map(HostBuffer.class::cast)
                .toList();
    }
}
