package io.lmcache.server;

import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.cuda.paged.PagedLayer;
import io.lmcache.server.protocol.Dtype;
import io.lmcache.server.protocol.Layer;
import io.lmcache.server.protocol.Reason;
import io.lmcache.server.protocol.Region;
import io.lmcache.server.protocol.RegisterKvCacheRequest;

/** Reads the shape of a KV cache out of a registration, and checks it against its regions. Stateless and thread-safe. */
final class Layouts {
    private Layouts() {}

    static KvLayout layout(RegisterKvCacheRequest request) {
        int layers = request.getLayersCount();
        KvDtype dtype = dtype(request.getDtype());
        if (!request.getLatent()) {
            return KvLayout.kv(dtype, layers, request.getKvHeads(), request.getHeadSize());
        }
        if (request.getKvHeads() != 1) {
            throw Refusal.badArgument("kv_heads is %d; latent attention has 1", request.getKvHeads());
        }
        return KvLayout.mla(dtype, layers, request.getHeadSize());
    }

    private static KvDtype dtype(Dtype dtype) {
        return switch (dtype) {
            case FLOAT16 -> KvDtype.HALF;
            case BFLOAT16 -> KvDtype.BFLOAT16;
            case FLOAT32 -> KvDtype.FLOAT;
            case INT8 -> KvDtype.INT8;
            case UINT8 -> KvDtype.UINT8;
            case FP8_E4M3FN -> KvDtype.FP8_E4M3FN;
            case FP8_E5M2 -> KvDtype.FP8_E5M2;
            case FP8_E4M3FNUZ -> KvDtype.FP8_E4M3FNUZ;
            case FP8_E5M2FNUZ -> KvDtype.FP8_E5M2FNUZ;
            case DTYPE_UNSPECIFIED, UNRECOGNIZED ->
                throw Refusal.badArgument("dtype is missing, or none that this server knows");
        };
    }

    static PagedLayer layer(Layer layer, long address) {
        return new PagedLayer(
                address, layer.getPlaneStride(), layer.getBlockStride(), layer.getSlotStride(), layer.getHeadStride());
    }

    /** Refuses layers that overlap themselves or reach beyond their region. */
    static void requireWithinRegions(KvLayout layout, RegisterKvCacheRequest request) {
        if (request.getBlocks() < 1 || request.getBlockSize() < 1) {
            throw Refusal.badArgument(
                    "%d blocks of %d slots; both are 1 or more", request.getBlocks(), request.getBlockSize());
        }
        for (int index = 0; index < request.getLayersCount(); index++) {
            Layer layer = request.getLayers(index);
            if (layer.getRegion() < 0 || layer.getRegion() >= request.getRegionsCount()) {
                throw Refusal.badArgument(
                        "layer %d lies in region %d, but there are %d regions",
                        index, Integer.toUnsignedLong(layer.getRegion()), request.getRegionsCount());
            }
            requireWithin(index, layer, span(layout, layer, request), size(request.getRegions(layer.getRegion())));
        }
    }

    private static long span(KvLayout layout, Layer layer, RegisterKvCacheRequest request) {
        try {
            return layer(layer, layer.getOffset()).span(layout, request.getBlocks(), request.getBlockSize());
        } catch (LmcacheException e) {
            throw new Refusal(Reason.BAD_LAYOUT, String.valueOf(e.getMessage()));
        }
    }

    private static long size(Region region) {
        return switch (region.getMemoryCase()) {
            case SHARED_MEMORY -> region.getSharedMemory().getSize();
            case CUDA_IPC -> region.getCudaIpc().getSize();
            case MEMORY_NOT_SET -> throw Refusal.badArgument("a region names no memory");
        };
    }

    private static void requireWithin(int index, Layer layer, long span, long size) {
        if (layer.getOffset() < 0 || size < span || layer.getOffset() > size - span) {
            throw new Refusal(
                    Reason.BAD_REGION,
                    "Layer " + index + " takes " + span + " bytes from offset "
                            + Long.toUnsignedString(layer.getOffset()) + " on, but its region has "
                            + Long.toUnsignedString(size)
                            + "; check blocks, strides and the size of the region");
        }
    }
}
