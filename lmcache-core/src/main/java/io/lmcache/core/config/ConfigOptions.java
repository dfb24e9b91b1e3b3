package io.lmcache.core.config;

import static io.lmcache.core.config.ByteSize.GIB;
import static io.lmcache.core.config.ByteSize.MIB;
import static io.lmcache.core.config.ValueType.choice;
import static io.lmcache.core.config.ValueType.seconds;
import static io.lmcache.core.config.ValueType.size;
import static io.lmcache.core.config.ValueType.sizeOrZero;
import static io.lmcache.core.config.ValueType.wholeNumber;
import static io.lmcache.core.config.ValueType.wholeSeconds;

import io.lmcache.core.hash.HashSeed;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The table of all options. Names, units and meanings are LMCache's where LMCache has the option. Immutable and
 * thread-safe.
 */
public final class ConfigOptions {
    /** Tokens per chunk. */
    public static final ConfigOption<Integer> CHUNK_SIZE = ConfigOption.of(
            "chunk_size",
            "256",
            wholeNumber(1, 1 << 20),
            "Tokens per chunk. Chunks of different sizes are never found by each other.");

    /** Whether to keep the last, partial chunk of a prompt. */
    public static final ConfigOption<Boolean> SAVE_UNFULL_CHUNK = ConfigOption.of(
            "save_unfull_chunk", "true", ValueType.BOOLEAN, "Whether the last, partial chunk of a prompt is stored.");

    /** The hash that names chunks. */
    public static final ConfigOption<HashAlgorithm> PRE_CACHING_HASH_ALGORITHM = ConfigOption.of(
            "pre_caching_hash_algorithm",
            "sha256",
            choice(HashAlgorithm.class),
            "The hash that names chunks, each chained to the one before: LMCache 0.3.2's sha256, 0.5's sha256_cbor and"
                    + " builtin, or its multiprocess mode's blake3. sha256_cbor and builtin have 64 bits: for sharing with"
                    + " LMCache, not for keeping tenants apart.");

    /** What the chains of some hashes begin with. */
    public static final ConfigOption<HashSeed> HASH_SEED = ConfigOption.of(
            "hash_seed",
            "random",
            ValueType.HASH_SEED,
            "What the chains of sha256_cbor and builtin begin with: as in a Python process of that PYTHONHASHSEED, at"
                    + " random, or unseeded as in LMCache without vLLM. Unless set, the environment variable"
                    + " PYTHONHASHSEED says it.");

    /** Shorter hits are not worth loading. */
    public static final ConfigOption<Integer> MIN_RETRIEVE_TOKENS = ConfigOption.of(
            "min_retrieve_tokens",
            "0",
            wholeNumber(0, Integer.MAX_VALUE),
            "Hits of fewer tokens are not loaded: computing them again is faster.");

    /** Whether there is a tier in host memory. */
    public static final ConfigOption<Boolean> LOCAL_CPU =
            ConfigOption.of("local_cpu", "true", ValueType.BOOLEAN, "Whether there is a tier in host memory.");

    /** The size of the tier in host memory. */
    public static final ConfigOption<ByteSize> MAX_LOCAL_CPU_SIZE = ConfigOption.of(
            "max_local_cpu_size",
            "5.0",
            size(GIB, "GB"),
            "The size of the tier in host memory; when nobody sets it, at most half of the machine's memory. A GB is 1024"
                    + " MB here and in all sizes, as in LMCache.");

    /** What the tier in host memory evicts first. */
    public static final ConfigOption<CachePolicy> CACHE_POLICY = ConfigOption.of(
            "cache_policy",
            "lru",
            choice(CachePolicy.class),
            "Which chunk the tier in host memory evicts first: the one used longest ago, used least often, stored first,"
                    + " or used last.");

    /** The directories of the file tier. */
    public static final ConfigOption<List<Path>> GDS_PATH = ConfigOption.of(
            "gds_path",
            "",
            ValueType.PATHS,
            "The directories of the file tier, which several processes may share. Without one there is no file tier.");

    /** Which of several directories a chunk is written to. */
    public static final ConfigOption<PathSharding> GDS_PATH_SHARDING = ConfigOption.of(
            "gds_path_sharding",
            "auto",
            choice(PathSharding.class),
            "Which of several directories a chunk is written to: by its hash, or by the GPU's place on the PCI bus; auto is"
                    + " by_gpu with a CUDA device and by_hash without. Reads try all.");

    /** What the file tier's files are like. */
    public static final ConfigOption<FileFormat> FILE_FORMAT = ConfigOption.of(
            "file_format",
            "native",
            choice(FileFormat.class),
            "What the file tier's files are like: this library's own, or those of a version of LMCache, to share a"
                    + " directory with it. lmcache_0_5 makes builtin the default of pre_caching_hash_algorithm.");

    /** Whether files of LMCache's formats get a checksum. */
    public static final ConfigOption<Boolean> FILE_CHECKSUM = ConfigOption.of(
            "file_checksum",
            "true",
            ValueType.BOOLEAN,
            "Whether files of LMCache's formats get a checksum in their metadata, which LMCache passes over and this"
                    + " library checks. With false they are LMCache's to the byte, and damaged payload goes unnoticed."
                    + " Native files always have one.");

    /** The most bytes in the file tier. */
    public static final ConfigOption<ByteSize> MAX_GDS_SIZE = ConfigOption.of(
            "max_gds_size",
            "0",
            sizeOrZero(GIB, "GB"),
            "The most bytes in the file tier's directories, whoever wrote them; 0 is no limit.");

    /** How long an unused chunk stays in the file tier. */
    public static final ConfigOption<Duration> GDS_TTL_SECS = ConfigOption.of(
            "gds_ttl_secs",
            "0",
            wholeSeconds(Integer.MAX_VALUE),
            "How long a chunk stays in the file tier after its last use; 0 is for ever.");

    /** The space that the file tier leaves free. */
    public static final ConfigOption<ByteSize> GDS_MIN_FREE_SPACE = ConfigOption.of(
            "gds_min_free_space",
            "0",
            sizeOrZero(GIB, "GB"),
            "The space that the file tier leaves free on its file systems; 0 is none.");

    /** What of a chunk file is forced to the device. */
    public static final ConfigOption<FsyncMode> FSYNC = ConfigOption.of(
            "fsync",
            "none",
            choice(FsyncMode.class),
            "What is forced to the device before a chunk file is published: nothing, its bytes, or also its metadata"
                    + " and directory entry. Without it a power cut can cost chunks, but never gives wrong ones where files have a checksum.");

    /** Whether to use cuFile. */
    public static final ConfigOption<CuFileUse> USE_CUFILE = ConfigOption.of(
                    "use_cufile",
                    "auto",
                    ValueType.CUFILE_USE,
                    "Whether the file tier moves bytes to GPU memory by cuFile: auto where a probe on the path works,"
                            + " true fails at start where it does not, false never. use_gds: true means auto.")
            .withAlias("extra_config.use_cufile")
            .withAlias("use_gds", ConfigOptions::useGds);

    /** The file of libcufile. */
    public static final ConfigOption<String> CUFILE_LIBRARY = ConfigOption.of(
            "cufile_library",
            "auto",
            ValueType.TEXT,
            "The file of libcufile; auto tries the usual names and the folders of CUDA installations.");

    /** Which GPU. */
    public static final ConfigOption<Integer> CUDA_DEVICE = ConfigOption.of(
            "cuda_device",
            "0",
            wholeNumber(0, 1023),
            "The GPU of the file tier: its CUDA ordinal, as this process counts its devices.");

    /** The GPU memory registered with cuFile. */
    public static final ConfigOption<ByteSize> CUFILE_BUFFER_SIZE = ConfigOption.of(
                    "cufile_buffer_size",
                    "1024",
                    size(MIB, "MB"),
                    "The GPU memory registered with cuFile, taken once at start.")
            .withAlias("gds_buffer_size");

    /** Whether to bypass the page cache. */
    public static final ConfigOption<Boolean> USE_DIRECT_IO = ConfigOption.of(
                    "use_direct_io",
                    "false",
                    ValueType.BOOLEAN,
                    "Whether the file tier bypasses the page cache (O_DIRECT) where the file system allows it.")
            .withAlias("extra_config.use_direct_io");

    /** The threads that read and write files. */
    public static final ConfigOption<Integer> DISK_IO_THREADS = ConfigOption.of(
                    "disk_io_threads",
                    "16",
                    wholeNumber(1, 1024),
                    "The threads that read and write the file tier's files.")
            .withAlias("gds_io_threads")
            .withAlias("extra_config.gds_io_threads");

    /** How often to ask a full GPU buffer for space. */
    public static final ConfigOption<Integer> MAX_ALLOC_ATTEMPTS = ConfigOption.of(
                    "max_alloc_attempts",
                    "10",
                    wholeNumber(1, 1_000_000),
                    "How often a full GPU buffer is asked for space before a chunk is given up.")
            .withAlias("extra_config.max_alloc_attempts");

    /** The pause between two such attempts. */
    public static final ConfigOption<Duration> ALLOCATION_ATTEMPT_DELAY_SECS = ConfigOption.of(
                    "allocation_attempt_delay_secs",
                    "0.1",
                    seconds(Duration.ZERO, Duration.ofMinutes(1)),
                    "The pause between two such attempts.")
            .withAlias("extra_config.allocation_attempt_delay_secs");

    /** Third-party backends. */
    public static final ConfigOption<List<String>> STORAGE_PLUGINS = ConfigOption.of(
            "storage_plugins",
            "",
            ValueType.BACKEND_NAMES,
            "Third-party backends, as tiers in this order after the built-in ones. A backend's own settings are a map"
                    + " under its name, at the top level or in extra_config.");

    /** Whether hits move up. */
    public static final ConfigOption<PromotionPolicy> PROMOTION = ConfigOption.of(
            "promotion",
            "always",
            choice(PromotionPolicy.class),
            "Whether a hit in a slow tier is copied into the tiers above it.");

    /** The bytes that one retrieve may have in flight. */
    public static final ConfigOption<ByteSize> MAX_BYTES_IN_FLIGHT = ConfigOption.of(
            "max_bytes_in_flight",
            "256",
            size(MIB, "MB"),
            "The bytes that one retrieve may have in flight; at least one chunk always may be.");

    /** The deadline of a tier's read. */
    public static final ConfigOption<Duration> BLOCKING_TIMEOUT_SECS = ConfigOption.of(
            "blocking_timeout_secs",
            "10",
            seconds(Duration.ofMillis(1), Duration.ofDays(1)),
            "How long a caller waits for a tier before the chunk counts as a miss.");

    /** The deadline of a tier's write. */
    public static final ConfigOption<Duration> STORE_TIMEOUT_SECS = ConfigOption.of(
            "store_timeout_secs",
            "60",
            seconds(Duration.ofMillis(1), Duration.ofDays(1)),
            "How long a tier may take to write a chunk, waiting included, before the write counts as failed.");

    /** The failures that open a tier's circuit breaker. */
    public static final ConfigOption<Integer> CIRCUIT_BREAKER_FAILURES = ConfigOption.of(
            "circuit_breaker_failures",
            "5",
            wholeNumber(1, 1_000_000),
            "How many failures in a row take a tier out of use for a while.");

    /** How long a tier's circuit breaker stays open. */
    public static final ConfigOption<Duration> CIRCUIT_BREAKER_OPEN_SECS = ConfigOption.of(
            "circuit_breaker_open_secs",
            "30",
            seconds(Duration.ofMillis(1), Duration.ofDays(1)),
            "How long such a tier stays out of use before it is tried again.");

    /** Accepted for LMCache's sake. */
    public static final ConfigOption<Boolean> USE_LAYERWISE = ConfigOption.of(
            "use_layerwise",
            "false",
            ValueType.BOOLEAN,
            "Accepted for LMCache's sake, without effect: chunks are moved with all their layers.");

    /** The name of this cache. */
    public static final ConfigOption<String> LMCACHE_INSTANCE_ID = ConfigOption.of(
            "lmcache_instance_id", "lmcache_default_instance", ValueType.TEXT, "The name of this cache in logs.");

    private static final List<ConfigOption<?>> ALL = List.of(
            CHUNK_SIZE,
            SAVE_UNFULL_CHUNK,
            PRE_CACHING_HASH_ALGORITHM,
            HASH_SEED,
            MIN_RETRIEVE_TOKENS,
            LOCAL_CPU,
            MAX_LOCAL_CPU_SIZE,
            CACHE_POLICY,
            GDS_PATH,
            GDS_PATH_SHARDING,
            FILE_FORMAT,
            FILE_CHECKSUM,
            MAX_GDS_SIZE,
            GDS_TTL_SECS,
            GDS_MIN_FREE_SPACE,
            FSYNC,
            USE_CUFILE,
            CUFILE_LIBRARY,
            CUDA_DEVICE,
            CUFILE_BUFFER_SIZE,
            USE_DIRECT_IO,
            DISK_IO_THREADS,
            MAX_ALLOC_ATTEMPTS,
            ALLOCATION_ATTEMPT_DELAY_SECS,
            STORAGE_PLUGINS,
            PROMOTION,
            MAX_BYTES_IN_FLIGHT,
            BLOCKING_TIMEOUT_SECS,
            STORE_TIMEOUT_SECS,
            CIRCUIT_BREAKER_FAILURES,
            CIRCUIT_BREAKER_OPEN_SECS,
            USE_LAYERWISE,
            LMCACHE_INSTANCE_ID);

    private static final Map<String, ConfigOption<?>> BY_NAME = ALL.stream()
            .flatMap(option -> names(option).map(name -> Map.<String, ConfigOption<?>>entry(name, option)))
            .collect(Collectors.toUnmodifiableMap(Map.Entry::getKey, Map.Entry::getValue));

    private ConfigOptions() {}

    /** All options, in the order of their documentation. */
    public static List<ConfigOption<?>> all() {
        return ALL;
    }

    /** The option of that name or alias; empty when there is none. */
    static Optional<ConfigOption<?>> named(String name) {
        return Optional.ofNullable(BY_NAME.get(name));
    }

    /** All names and aliases of an option. */
    static Stream<String> names(ConfigOption<?> option) {
        return Stream.concat(Stream.of(option.name()), option.aliases().stream());
    }

    /** LMCache's {@code use_gds: true} falls back where cuFile does not work, which is called {@code auto} here. */
    private static String useGds(String text) {
        return ValueType.BOOLEAN.reader().apply(text.strip()).orElse(false) ? "auto" : text;
    }
}
