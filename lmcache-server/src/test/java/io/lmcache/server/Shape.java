package io.lmcache.server;

import io.lmcache.server.protocol.Layer;

/** How the layers of a test engine's cache lie in memory. */
enum Shape {
    KEYS_FIRST_NHD,
    KEYS_FIRST_HND,
    BLOCKS_FIRST_NHD,
    BLOCKS_FIRST_HND,
    LATENT;

    /** The sizes of a cache; elements have two bytes. */
    record Sizes(int layers, int blocks, int blockSize, int heads, int headSize) {}

    boolean isLatent() {
        return this == LATENT;
    }

    int planes() {
        return isLatent() ? 1 : 2;
    }

    int heads(Sizes sizes) {
        return isLatent() ? 1 : sizes.heads;
    }

    long layerBytes(Sizes sizes) {
        return 2L * planes() * sizes.blocks * sizes.blockSize * heads(sizes) * sizes.headSize;
    }

    Layer layer(Sizes sizes, long offset) {
        long head = 2L * sizes.headSize;
        long block = head * heads(sizes) * sizes.blockSize;
        boolean keysFirst = this == KEYS_FIRST_NHD || this == KEYS_FIRST_HND;
        boolean headsFirst = this == KEYS_FIRST_HND || this == BLOCKS_FIRST_HND;
        return Layer.newBuilder()
                .setOffset(offset)
                .setPlaneStride(isLatent() ? 0 : keysFirst ? block * sizes.blocks : block)
                .setBlockStride(isLatent() || keysFirst ? block : 2 * block)
                .setSlotStride(headsFirst ? head : head * heads(sizes))
                .setHeadStride(headsFirst ? head * sizes.blockSize : head)
                .build();
    }
}
