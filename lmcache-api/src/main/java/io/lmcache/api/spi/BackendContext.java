package io.lmcache.api.spi;

import io.lmcache.api.memory.HostBuffer;
import java.time.Clock;
import java.util.List;

/**
 * What a backend may use of its surroundings.
 *
 * @param instanceId the name of the cache instance, for messages
 * @param clock the time of day
 * @param hostMemory where the tiers above keep chunks in host memory, for a backend that can make it faster to reach;
 *     stays theirs, and stays until after this backend was closed
 */
public record BackendContext(String instanceId, Clock clock, List<HostBuffer> hostMemory) {
    /** Copies the list. */
    public BackendContext {
        hostMemory = List.copyOf(hostMemory);
    }

    /** The surroundings of a backend with no host memory above it. */
    public BackendContext(String instanceId, Clock clock) {
        this(instanceId, clock, List.of());
    }
}
