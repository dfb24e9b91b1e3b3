package io.lmcache.server;

import io.lmcache.api.KeyScope;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.server.protocol.Reason;
import io.lmcache.server.protocol.Region;
import io.lmcache.server.protocol.Region.MemoryCase;
import io.lmcache.server.protocol.RegisterKvCacheRequest;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Makes registrations of what clients sent: checks it, then maps the memory. Thread-safe. */
final class Registrations {
    private final Gpus gpus;
    private final int chunkTokens;

    /**
     * Registrations on these GPUs.
     *
     * @param chunkTokens the tokens of the longest chunk
     */
    Registrations(Gpus gpus, int chunkTokens) {
        this.gpus = gpus;
        this.chunkTokens = chunkTokens;
    }

    RegisteredCache register(RegisterKvCacheRequest request) {
        requireNames(request);
        KvLayout layout = Layouts.layout(request);
        Layouts.requireWithinRegions(layout, request);
        KeyScope scope = scope(request, layout);
        try {
            return new RegisteredCache(
                    request.getEngineId(),
                    request.getWorldSize(),
                    request.getRank(),
                    scope,
                    request.getBlockSize(),
                    memory(layout, request));
        } catch (LmcacheException e) {
            throw new Refusal(Reason.BAD_LAYOUT, String.valueOf(e.getMessage()));
        }
    }

    private static void requireNames(RegisterKvCacheRequest request) {
        if (request.getEngineId().isEmpty()) {
            throw Refusal.badArgument("engine_id is missing; name the engine, by a UUID for instance");
        }
        if (request.getModel().isEmpty()) {
            throw Refusal.badArgument("model is missing");
        }
        if (request.getWorldSize() < 1 || request.getRank() < 0 || request.getRank() >= request.getWorldSize()) {
            throw Refusal.badArgument(
                    "rank is %d of world_size %d; allowed are 0 to world_size - 1",
                    Integer.toUnsignedLong(request.getRank()), Integer.toUnsignedLong(request.getWorldSize()));
        }
    }

    /** Ranks that hold the same share the name of the first. */
    private static KeyScope scope(RegisterKvCacheRequest request, KvLayout layout) {
        int rank = request.getReplicated() ? 0 : request.getRank();
        return new KeyScope(
                request.getModel(), request.getWorldSize(), rank, layout, new TreeMap<>(request.getTagsMap()));
    }

    private EngineMemory memory(KvLayout layout, RegisterKvCacheRequest request) {
        Set<MemoryCase> kinds =
                request.getRegionsList().stream().map(Region::getMemoryCase).collect(Collectors.toSet());
        if (kinds.size() != 1) {
            throw Refusal.badArgument("the regions are of %d kinds; they have to be of one", kinds.size());
        }
        return switch (kinds.iterator().next()) {
            case SHARED_MEMORY -> HostMemory.map(layout, request);
            case CUDA_IPC -> DeviceMemory.map(gpus, layout, chunkTokens, request);
            case MEMORY_NOT_SET -> throw Refusal.badArgument("a region names no memory");
        };
    }
}
