package io.lmcache.core.config;

/** What the files of the file tier are like. Immutable and thread-safe. */
public enum FileFormat {
    /** This library's own. */
    NATIVE,
    /** Those of LMCache 0.3.1 and 0.3.2. */
    LMCACHE_0_3_2,
    /** Those of LMCache 0.5. */
    LMCACHE_0_5
}
