package io.lmcache.core.config;

/** Whether the file tier moves bytes between storage and GPU memory by cuFile. Immutable and thread-safe. */
public enum CuFileUse {
    /** Where a probe on the path works, else staged through the host. */
    AUTO,
    /** Always; where it does not work, the start fails with the cause. Written {@code true}. */
    REQUIRED,
    /** Never. Written {@code false}. */
    NEVER
}
