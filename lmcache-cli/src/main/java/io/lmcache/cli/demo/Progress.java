package io.lmcache.cli.demo;

/** Hears how far the demo is. Called on the demo's thread. */
@FunctionalInterface
public interface Progress {
    /**
     * The demo went on.
     *
     * @param step what it is doing now
     * @param units how many of {@link Demo#progressUnits} were done since the last call, 0 when a step begins
     */
    void advance(String step, int units);
}
