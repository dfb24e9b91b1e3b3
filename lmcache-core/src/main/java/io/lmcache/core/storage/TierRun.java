package io.lmcache.core.storage;

/**
 * Consecutive chunks of a prompt that one tier says it holds.
 *
 * @param tier the index of the tier, 0 for the fastest
 * @param start the index of the first chunk
 * @param end the index after the last chunk
 */
record TierRun(int tier, int start, int end) {}
