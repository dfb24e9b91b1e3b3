package io.lmcache.api.spi;

import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/**
 * What a backend counts, or what is counted around it. A backend reports those that mean something for it; the names in
 * statistics are the constants' in lower case.
 *
 * <p>All count since the start but those that say "now", for which {@link #isLevel()} is true.
 */
public enum BackendCounter {
    /** Gets that returned a chunk. */
    HITS,
    /** Gets that returned none. */
    MISSES,
    /** Chunks stored. */
    STORED,
    /** Puts of a chunk that was there. */
    ALREADY_PRESENT,
    /** Puts that were refused. */
    DECLINED,
    /** Those of them whose key the backend cannot express. */
    INEXPRESSIBLE,
    /** Chunks that are sound, but another key's under the same name. */
    OTHER,
    /** Chunks that failed the check of a read and passed at a second look: replaced since, or read wrongly. */
    MISREAD,
    /** Chunks that failed their check and were taken away from readers. */
    CORRUPT,
    /** Those of them that were removed for good. */
    QUARANTINE_REMOVED,
    /** Chunks removed to make room. */
    EVICTED,
    /** Chunks removed because nobody had used them for long. */
    EXPIRED,
    /** What ought to be removed and could not be. */
    UNDELETABLE,
    /** Metadata removed whose chunk was gone. */
    STALE_METADATA,
    /** Chunks removed that writers had left unfinished when they died. */
    STALE_TEMPORARIES,
    /** Empty directories removed. */
    EMPTY_DIRECTORIES,
    /** Reads, writes and other operations that the storage failed. */
    IO_ERRORS,
    /** Payload bytes read. */
    BYTES_READ,
    /** Payload bytes written. */
    BYTES_WRITTEN,

    /** Transfers between files and GPU memory past the CPU. */
    DIRECT_OPERATIONS,
    /** Bytes that these moved. */
    DIRECT_BYTES,
    /** Transfers through libcufile, which copied through host memory of its own. */
    COMPATIBLE_OPERATIONS,
    /** Bytes that these moved. */
    COMPATIBLE_BYTES,
    /** Transfers through page-locked memory of the backend. */
    STAGED_OPERATIONS,
    /** Bytes that these moved. */
    STAGED_BYTES,
    /** Transfers between files and host memory in which no device took part. */
    HOST_OPERATIONS,
    /** Bytes that these moved. */
    HOST_BYTES,
    /** Bytes of the tiers above that are page-locked now. */
    PAGE_LOCKED_BYTES,
    /** Page-locked memory that the backend has for staged transfers; now. */
    STAGING_BYTES,

    /** Lookups that wait for an I/O thread now. */
    LOOKUPS_WAITING,
    /** Lookups that have waited for one. */
    LOOKUP_WAITS,
    /** For how long these waited, all together. */
    LOOKUP_WAIT_NANOS,
    /** Reads that wait for an I/O thread now. */
    READS_WAITING,
    /** Reads that have waited for one. */
    READ_WAITS,
    /** For how long these waited, all together. */
    READ_WAIT_NANOS,
    /** Writes that wait for an I/O thread now. */
    WRITES_WAITING,
    /** Writes that have waited for one. */
    WRITE_WAITS,
    /** For how long these waited, all together. */
    WRITE_WAIT_NANOS,

    /** Gets that the stack made of this tier and that returned a chunk. */
    TIER_HITS,
    /** Those that returned none, for whatever reason. */
    TIER_MISSES,
    /** Puts that the stack made of this tier and that stored a chunk. */
    TIER_STORED,
    /** Those that were refused. */
    TIER_DECLINED,
    /** Operations that failed or took too long. */
    TIER_FAILURES,
    /** 1 while the tier's reads are left alone after failures in a row, 0 while all is well; now. */
    READ_BREAKER_OPEN,
    /** Reads that were not even tried for it. */
    READ_BREAKER_REFUSALS,
    /** 1 while the tier's writes are left alone after failures in a row, 0 while all is well; now. */
    WRITE_BREAKER_OPEN,
    /** Writes that were not even tried for it. */
    WRITE_BREAKER_REFUSALS;

    private static final Set<BackendCounter> LEVELS = EnumSet.of(
            PAGE_LOCKED_BYTES,
            STAGING_BYTES,
            LOOKUPS_WAITING,
            READS_WAITING,
            WRITES_WAITING,
            READ_BREAKER_OPEN,
            WRITE_BREAKER_OPEN);

    /** The name in statistics, such as {@code bytes_read}. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether it tells what is so now, and can fall, instead of counting what happened. */
    public boolean isLevel() {
        return LEVELS.contains(this);
    }
}
