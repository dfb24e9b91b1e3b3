package io.lmcache.api.engine;

import io.lmcache.api.memory.MemoryDomain;

/** What the engine's two callbacks have in common: the memory that they can reach. */
public interface KvEndpoint {
    /** Whether chunk buffers may lie in that memory; host memory only, unless said otherwise. Constant. */
    default boolean accepts(MemoryDomain domain) {
        return domain == MemoryDomain.HOST;
    }
}
