package io.lmcache.server;

import io.lmcache.api.KeyScope;
import io.lmcache.api.engine.TokenRange;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * A rank's share of an engine's KV cache, from its registration until its session lets it go and the last transfer is
 * done with it. Thread-safe.
 */
final class RegisteredCache extends Registration {
    private final String engineId;
    private final int worldSize;
    private final int rank;
    private final KeyScope scope;
    private final int blockSize;
    private final EngineMemory memory;

    /**
     * A registration, which owns the memory from here on.
     *
     * @param scope in whose name its chunks are cached; that of rank 0 where all ranks hold the same
     */
    RegisteredCache(String engineId, int worldSize, int rank, KeyScope scope, int blockSize, EngineMemory memory) {
        this.engineId = engineId;
        this.worldSize = worldSize;
        this.rank = rank;
        this.scope = scope;
        this.blockSize = blockSize;
        this.memory = memory;
    }

    String engineId() {
        return engineId;
    }

    int worldSize() {
        return worldSize;
    }

    int rank() {
        return rank;
    }

    int blockSize() {
        return blockSize;
    }

    long bytesPerToken() {
        return scope.layout().bytesPerToken();
    }

    int concurrentTransfers() {
        return memory.concurrentRequests();
    }

    @Override
    long mappedBytes() {
        return memory.mappedBytes();
    }

    long deviceBytes() {
        return memory.deviceBytes();
    }

    @Override
    void close() {
        memory.close();
    }

    /** The scope of a request with tags of its own. */
    KeyScope scope(Map<String, String> requestTags) {
        if (requestTags.isEmpty()) {
            return scope;
        }
        Map<String, String> tags = new TreeMap<>(scope.tags());
        tags.putAll(requestTags);
        return scope.withTags(tags);
    }

    /** The KV of one request. Between {@link #beginUse()} and {@link #endUse()} only; the caller closes it. */
    RequestKv open(int[] blockIds, TokenRange wanted, int event, Runnable beforeWrite) {
        return memory.open(blockIds, wanted, event, beforeWrite);
    }

    /** As {@link EngineMemory#stage}. Between {@link #beginUse()} and {@link #endUse()} only; the caller closes it. */
    Optional<StagedKv> stage(int[] blockIds, Supplier<List<TokenRange>> chunks, int event) {
        return memory.stage(blockIds, chunks, event);
    }

    @Override
    public String toString() {
        return scope + " of engine " + engineId + ", rank " + rank + " of " + worldSize;
    }
}
