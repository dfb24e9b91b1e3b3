package io.lmcache.cuda.paged;

import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;

/**
 * The shapes of paged caches as tensors. {@link #element} is the index of an element by the tensor's dimensions, written
 * out per shape and so independent of the strides under test.
 */
enum CacheShape {
    KEYS_FIRST_NHD {
        @Override
        long element(Dimensions of, long plane, long block, int slot, int head) {
            return (((plane * of.blocks + block) * of.blockSize + slot) * of.heads + head) * of.headSize;
        }

        @Override
        PagedKvCache describe(Dimensions of, int ordinal, long... addresses) {
            return PagedKvCache.keysFirst(of.layout(this), ordinal, of.blocks, of.blockSize, HeadOrder.NHD, addresses);
        }
    },
    KEYS_FIRST_HND {
        @Override
        long element(Dimensions of, long plane, long block, int slot, int head) {
            return (((plane * of.blocks + block) * of.heads + head) * of.blockSize + slot) * of.headSize;
        }

        @Override
        PagedKvCache describe(Dimensions of, int ordinal, long... addresses) {
            return PagedKvCache.keysFirst(of.layout(this), ordinal, of.blocks, of.blockSize, HeadOrder.HND, addresses);
        }
    },
    BLOCKS_FIRST_NHD {
        @Override
        long element(Dimensions of, long plane, long block, int slot, int head) {
            return (((block * 2 + plane) * of.blockSize + slot) * of.heads + head) * of.headSize;
        }

        @Override
        PagedKvCache describe(Dimensions of, int ordinal, long... addresses) {
            return PagedKvCache.blocksFirst(
                    of.layout(this), ordinal, of.blocks, of.blockSize, HeadOrder.NHD, addresses);
        }
    },
    BLOCKS_FIRST_HND {
        @Override
        long element(Dimensions of, long plane, long block, int slot, int head) {
            return (((block * 2 + plane) * of.heads + head) * of.blockSize + slot) * of.headSize;
        }

        @Override
        PagedKvCache describe(Dimensions of, int ordinal, long... addresses) {
            return PagedKvCache.blocksFirst(
                    of.layout(this), ordinal, of.blocks, of.blockSize, HeadOrder.HND, addresses);
        }
    },
    LATENT {
        @Override
        long element(Dimensions of, long plane, long block, int slot, int head) {
            return (block * of.blockSize + slot) * of.headSize;
        }

        @Override
        PagedKvCache describe(Dimensions of, int ordinal, long... addresses) {
            return PagedKvCache.latent(of.layout(this), ordinal, of.blocks, of.blockSize, addresses);
        }
    };

    /** The sizes of a cache. A latent cache has one head, whatever is said here. */
    record Dimensions(KvDtype dtype, int layers, int blocks, int blockSize, int heads, int headSize) {
        KvLayout layout(CacheShape shape) {
            return shape == LATENT
                    ? KvLayout.mla(dtype, layers, headSize)
                    : KvLayout.kv(dtype, layers, heads, headSize);
        }

        int layerBytes(CacheShape shape) {
            KvLayout layout = layout(shape);
            return Math.toIntExact(layout.bytesPerToken() / layers * blocks * blockSize);
        }
    }

    /** The index of a head's first element in a layer's tensor. */
    abstract long element(Dimensions of, long plane, long block, int slot, int head);

    /** The description of such a cache, one tensor a layer. */
    abstract PagedKvCache describe(Dimensions of, int ordinal, long... addresses);
}
