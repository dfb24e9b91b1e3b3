package io.lmcache.core.hash;

/** What stands before the first chunk in the chains of LMCache 0.5. Immutable and thread-safe. */
public sealed interface HashSeed {
    /** The largest number that Python takes for a seed. */
    long MAX_NUMBER = 0xffff_ffffL;

    /**
     * The hash of this number's text: what a Python process has whose {@code PYTHONHASHSEED} is the number.
     *
     * @param number 0 to {@link #MAX_NUMBER}
     */
    record Fixed(long number) implements HashSeed {
        @Override
        public String toString() {
            return Long.toString(number);
        }
    }

    /** A random number of each process: what it stores, no other finds. */
    record Random() implements HashSeed {
        @Override
        public String toString() {
            return "random";
        }
    }

    /** Zero, as in LMCache where vLLM is absent or older than its seed. */
    record Unseeded() implements HashSeed {
        @Override
        public String toString() {
            return "unseeded";
        }
    }
}
