package io.lmcache.core.config;

/** The names of those options of tiers that a configuration as a whole is checked by. */
final class TierOptions {
    static final String MAX_LOCAL_CPU_SIZE = "max_local_cpu_size";
    static final String FILE_FORMAT = "file_format";
    static final String FILE_CHECKSUM = "file_checksum";
    static final String SIGNED_HASHES = "signed_hashes";
    static final String FSYNC = "fsync";

    private TierOptions() {}
}
