package io.lmcache.api.option;

import static io.lmcache.api.option.OptionType.seconds;
import static io.lmcache.api.option.OptionType.wholeNumber;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** Options that the stack and its tiers both go by. Immutable and thread-safe. */
public final class SharedOptions {
    /** Whether bytes are moved between storage and GPU memory by cuFile. */
    public enum CufileUse {
        /** Where a probe on the path works, else staged through the host. */
        AUTO,
        /** Always; where it does not work, the start fails with the cause. */
        TRUE,
        /** Never. */
        FALSE
    }

    /** The directories of the file tier. */
    public static final Option<List<Path>> GDS_PATH = Option.of(
                    "gds_path",
                    "",
                    OptionType.PATHS,
                    "The directories of the file tier, which several processes may share; ~ is the user's home. Without one"
                            + " there is no file tier.")
            .formerly("path", UnaryOperator.identity());

    /** Whether to use cuFile. */
    public static final Option<CufileUse> USE_CUFILE = Option.of(
                    "use_cufile",
                    "auto",
                    OptionType.of("choice", "auto, true and false", SharedOptions::cufileUseOf, SharedOptions::wordOf),
                    "Whether the file tier moves bytes to GPU memory by cuFile: auto where a probe on the path works,"
                            + " true fails at start where it does not, false never. use_gds: true means auto.")
            .withAlias("extra_config.use_cufile")
            .withAlias("use_gds", SharedOptions::useGds);

    /** How often to ask a full buffer for space. */
    public static final Option<Integer> MAX_ALLOC_ATTEMPTS = Option.of(
                    "max_alloc_attempts",
                    "10",
                    wholeNumber(1, 1_000_000),
                    "How often a full GPU buffer is asked for space before a chunk is given up.")
            .withAlias("extra_config.max_alloc_attempts");

    /** The pause between two such attempts. */
    public static final Option<Duration> ALLOCATION_ATTEMPT_DELAY_SECS = Option.of(
                    "allocation_attempt_delay_secs",
                    "0.1",
                    seconds(Duration.ZERO, Duration.ofMinutes(1)),
                    "The pause between two such attempts.")
            .withAlias("extra_config.allocation_attempt_delay_secs");

    /** How chunks are written to the store that {@link #REMOTE_URL} names. */
    public enum RemoteSerde {
        /** As they are. */
        NAIVE
    }

    /** The store beyond this machine. */
    public static final Option<Optional<URI>> REMOTE_URL = Option.of(
            "remote_url",
            "",
            OptionType.URL,
            "A store that several machines share, as a tier after the file tier: redis://host:6379 for instance. The"
                    + " backend for its scheme is found on the class path; its own settings are a map under its name. No"
                    + " password in it.");

    /** How chunks are written there. */
    public static final Option<RemoteSerde> REMOTE_SERDE = Option.of(
            "remote_serde",
            "naive",
            OptionType.choice(RemoteSerde.class),
            "How chunks are written to remote_url: naive is as they are.");

    private SharedOptions() {}

    private static Optional<CufileUse> cufileUseOf(String text) {
        return text.equalsIgnoreCase("auto")
                ? Optional.of(CufileUse.AUTO)
                : OptionType.BOOLEAN.parse(text).map(wanted -> wanted ? CufileUse.TRUE : CufileUse.FALSE);
    }

    private static String wordOf(CufileUse use) {
        return use.name().toLowerCase(Locale.ROOT);
    }

    /** LMCache's {@code use_gds: true} falls back where cuFile does not work, which is called {@code auto} here. */
    private static String useGds(String text) {
        return OptionType.BOOLEAN.parse(text.strip()).orElse(false) ? "auto" : text;
    }
}
