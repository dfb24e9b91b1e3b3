package io.lmcache.cuda.paged;

/** The order of a block's dimensions in memory. */
public enum HeadOrder {
    /** Slots, then heads: all heads of a token stand together. */
    NHD,
    /** Heads, then slots: all tokens of a head stand together. */
    HND
}
