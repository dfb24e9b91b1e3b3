package io.lmcache.core.config;

import static io.lmcache.api.option.OptionType.choice;
import static io.lmcache.api.option.OptionType.gigabytes;
import static io.lmcache.api.option.OptionType.megabytes;
import static io.lmcache.api.option.OptionType.seconds;
import static io.lmcache.api.option.OptionType.wholeNumber;

import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.core.hash.HashSeed;
import io.lmcache.core.metrics.MetricNames;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The options of the stack itself; its tiers declare their own. Names, units and meanings are LMCache's where LMCache has the option. Immutable and
 * thread-safe.
 */
public final class ConfigOptions {
    private static final Pattern SEED_NUMBER = Pattern.compile("0|[1-9][0-9]{0,9}");
    private static final Pattern BACKEND_NAME = Pattern.compile("[a-z][a-z0-9-]*");

    private static final OptionType<HashSeed> HASH_SEED_TYPE = OptionType.of(
            "choice",
            "whole numbers from 0 to " + HashSeed.MAX_NUMBER + ", random and unseeded",
            ConfigOptions::hashSeedOf,
            HashSeed::toString);

    private static final OptionType<List<String>> BACKEND_NAMES_TYPE = OptionType.of(
                    "names",
                    "different names of lower case letters, digits and '-', comma separated or as a list",
                    ConfigOptions::backendNamesOf,
                    OptionType::joined)
            .withRemark(ConfigOptions::nameThereTwice);

    /** Tokens per chunk. */
    public static final Option<Integer> CHUNK_SIZE = Option.of(
            "chunk_size",
            "256",
            wholeNumber(1, 1 << 20),
            "Tokens per chunk. Chunks of different sizes are never found by each other.");

    /** Whether to keep the last, partial chunk of a prompt. */
    public static final Option<Boolean> SAVE_UNFULL_CHUNK = Option.of(
            "save_unfull_chunk", "true", OptionType.BOOLEAN, "Whether the last, partial chunk of a prompt is stored.");

    /** The hash that names chunks. */
    public static final Option<HashAlgorithm> PRE_CACHING_HASH_ALGORITHM = Option.of(
            "pre_caching_hash_algorithm",
            "sha256",
            choice(HashAlgorithm.class),
            "The hash that names chunks, each chained to the one before: LMCache 0.3.2's sha256, 0.5's sha256_cbor and"
                    + " builtin, or its multiprocess mode's blake3. sha256_cbor and builtin have 64 bits: for sharing with"
                    + " LMCache, not for keeping tenants apart.");

    /** What the chains of some hashes begin with. */
    public static final Option<HashSeed> HASH_SEED = Option.of(
            "hash_seed",
            "random",
            HASH_SEED_TYPE,
            "What the chains of sha256_cbor and builtin begin with: as in a Python process of that PYTHONHASHSEED, at"
                    + " random, or unseeded as in LMCache without vLLM. Unless set, the environment variable"
                    + " PYTHONHASHSEED says it.");

    /** Shorter hits are not worth loading. */
    public static final Option<Integer> MIN_RETRIEVE_TOKENS = Option.of(
            "min_retrieve_tokens",
            "0",
            wholeNumber(0, Integer.MAX_VALUE),
            "Hits of fewer tokens are not loaded: computing them again is faster.");

    /** Whether there is a tier in host memory. */
    public static final Option<Boolean> LOCAL_CPU =
            Option.of("local_cpu", "true", OptionType.BOOLEAN, "Whether there is a tier in host memory.");

    /** LMCache's ordinary tier on disk. */
    public static final Option<List<Path>> LOCAL_DISK = Option.of(
            "local_disk",
            "",
            OptionType.PATHS,
            "The directories of LMCache's ordinary disk tier, also as file:///path. They make a tier of their own: 'disk',"
                    + " of kind posix, above that of gds_path, whose further settings are a map under its name.");

    /** Its size. */
    public static final Option<ByteSize> MAX_LOCAL_DISK_SIZE = Option.of(
            "max_local_disk_size",
            "0",
            gigabytes(0),
            "The most bytes in the directories of local_disk; with 0 that makes no tier, as in LMCache.");

    /** Further tiers. */
    public static final Option<List<String>> STORAGE_PLUGINS = Option.of(
                    "storage_plugins",
                    "",
                    BACKEND_NAMES_TYPE,
                    "Further tiers, in this order below the built-in ones: backends by their names, or tiers by names of their own,"
                            + " each with the backend's name as its kind. A tier's settings are a map under its name, at the top"
                            + " level or in extra_config.")
            .withAlias("remote_storage_plugins");

    /** The backend of a tier in {@link #STORAGE_PLUGINS} that has a name of its own; among that tier's settings. */
    public static final Option<String> KIND = Option.of(
            "kind",
            "",
            OptionType.TEXT,
            "The backend of a tier in storage_plugins whose name is its own: a stack may have several of one kind.");

    /** Whether hits move up. */
    public static final Option<PromotionPolicy> PROMOTION = Option.of(
            "promotion",
            "always",
            choice(PromotionPolicy.class),
            "Whether a hit in a slow tier is copied into the tiers above it.");

    /** The bytes that one retrieve may have in flight. */
    public static final Option<ByteSize> MAX_BYTES_IN_FLIGHT = Option.of(
            "max_bytes_in_flight",
            "256",
            megabytes(1),
            "The bytes that one retrieve may have in flight; at least one chunk always may be.");

    /** The deadline of a tier's read. */
    public static final Option<Duration> BLOCKING_TIMEOUT_SECS = Option.of(
            "blocking_timeout_secs",
            "10",
            seconds(Duration.ofMillis(1), Duration.ofDays(1)),
            "How long a caller waits for a tier before the chunk counts as a miss.");

    /** The deadline of a tier's write. */
    public static final Option<Duration> STORE_TIMEOUT_SECS = Option.of(
            "store_timeout_secs",
            "60",
            seconds(Duration.ofMillis(1), Duration.ofDays(1)),
            "How long a tier may take to write a chunk, waiting included, before the write counts as failed.");

    /** The failures that open a tier's circuit breaker. */
    public static final Option<Integer> CIRCUIT_BREAKER_FAILURES = Option.of(
            "circuit_breaker_failures",
            "5",
            wholeNumber(1, 1_000_000),
            "How many failures in a row take a tier out of use for a while.");

    /** How long a tier's circuit breaker stays open. */
    public static final Option<Duration> CIRCUIT_BREAKER_OPEN_SECS = Option.of(
            "circuit_breaker_open_secs",
            "30",
            seconds(Duration.ofMillis(1), Duration.ofDays(1)),
            "How long such a tier stays out of use before it is tried again.");

    /** Under which names meters are exported. */
    public static final Option<MetricNames> METRICS_NAMES = Option.of(
            "metrics_names",
            "own",
            choice(MetricNames.class),
            "The names under which metrics are exported: our own, or LMCache's beside them, for dashboards made for it"
                    + " (docs/metrics.md).");

    /** Accepted for LMCache's sake. */
    public static final Option<Boolean> USE_LAYERWISE = Option.of(
            "use_layerwise",
            "false",
            OptionType.BOOLEAN,
            "Accepted for LMCache's sake, without effect: chunks are moved with all their layers.");

    /** The name of this cache. */
    public static final Option<String> LMCACHE_INSTANCE_ID = Option.of(
            "lmcache_instance_id", "lmcache_default_instance", OptionType.TEXT, "The name of this cache in logs.");

    private static final List<Option<?>> ALL = List.of(
            CHUNK_SIZE,
            SAVE_UNFULL_CHUNK,
            PRE_CACHING_HASH_ALGORITHM,
            HASH_SEED,
            MIN_RETRIEVE_TOKENS,
            LOCAL_CPU,
            LOCAL_DISK,
            MAX_LOCAL_DISK_SIZE,
            SharedOptions.GDS_PATH,
            SharedOptions.USE_CUFILE,
            SharedOptions.REMOTE_URL,
            SharedOptions.REMOTE_SERDE,
            SharedOptions.MAX_ALLOC_ATTEMPTS,
            SharedOptions.ALLOCATION_ATTEMPT_DELAY_SECS,
            STORAGE_PLUGINS,
            PROMOTION,
            MAX_BYTES_IN_FLIGHT,
            BLOCKING_TIMEOUT_SECS,
            STORE_TIMEOUT_SECS,
            CIRCUIT_BREAKER_FAILURES,
            CIRCUIT_BREAKER_OPEN_SECS,
            METRICS_NAMES,
            USE_LAYERWISE,
            LMCACHE_INSTANCE_ID);

    private ConfigOptions() {}

    /** The stack's own options, in the order of their documentation. */
    static List<Option<?>> all() {
        return ALL;
    }

    private static Optional<HashSeed> hashSeedOf(String text) {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "random" -> Optional.of(new HashSeed.Random());
            case "unseeded" -> Optional.of(new HashSeed.Unseeded());
            default ->
                Optional.of(text)
                        .filter(SEED_NUMBER.asMatchPredicate())
                        .map(Long::parseLong)
                        .filter(number -> number <= HashSeed.MAX_NUMBER)
                        .map(HashSeed.Fixed::new);
        };
    }

    private static Optional<String> nameThereTwice(String text) {
        List<String> names = OptionType.entries(text);
        return names.stream()
                .filter(name -> Collections.frequency(names, name) > 1)
                .findFirst()
                .map(name -> "'" + name
                        + "' is there twice: give each tier a name of its own, and name its backend as its" + " kind");
    }

    private static Optional<List<String>> backendNamesOf(String text) {
        List<String> names = OptionType.entries(text);
        boolean allowed =
                names.stream().allMatch(BACKEND_NAME.asMatchPredicate()) && new HashSet<>(names).size() == names.size();
        return allowed ? Optional.of(names) : Optional.empty();
    }
}
