package io.lmcache.core.config;

/** Whether a hit in a slow tier is copied into the tiers above it. Immutable and thread-safe. */
public enum PromotionPolicy {
    /** Every hit is. */
    ALWAYS,
    /** No hit is. */
    NEVER
}
