package io.lmcache.api;

/** The order of dimensions of a chunk's tensor. Elements are in C order: the last dimension is contiguous. */
public enum MemoryFormat {
    /** {@code [2, layers, tokens, kvHeads * headSize]}: all keys, then all values. */
    KV_2LTD(2),
    /** {@code [1, layers, tokens, headSize]}: one latent vector for each token, as in multi-head latent attention. */
    KV_MLA_FMT(1),
    /** {@code [1, 1, 1, bytes]}: a row that only the engine understands that it is of; see {@link KvLayout#opaque}. */
    OPAQUE(1);

    private final int planes;

    MemoryFormat(int planes) {
        this.planes = planes;
    }

    /** The first dimension: 2 where keys and values are apart, 1 where one vector serves for both. */
    public int planes() {
        return planes;
    }
}
