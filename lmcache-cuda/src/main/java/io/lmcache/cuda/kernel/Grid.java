package io.lmcache.cuda.kernel;

/**
 * How many thread blocks a launch has. Every kernel here is written for blocks of {@link #THREADS} threads.
 *
 * @param x blocks in the first dimension, at least 1
 * @param y blocks in the second dimension, 1 to 65535
 * @param z blocks in the third dimension, 1 to 65535
 */
public record Grid(int x, int y, int z) {
    /** The threads of a block. */
    public static final int THREADS = 256;
}
