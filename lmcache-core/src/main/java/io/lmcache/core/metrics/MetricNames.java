package io.lmcache.core.metrics;

/** Under which names the meters of a stack are registered. */
public enum MetricNames {
    /** Our own, which begin with {@code lmcache.}. */
    OWN,
    /**
     * Our own, and beside them those of LMCache, in process ({@code lmcache:}) and in its multiprocess mode
     * ({@code lmcache_mp_}), where it has one for the same thing: for dashboards made for it.
     */
    LMCACHE
}
