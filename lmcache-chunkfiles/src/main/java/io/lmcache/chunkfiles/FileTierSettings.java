package io.lmcache.chunkfiles;

import static io.lmcache.api.option.OptionType.megabytes;
import static io.lmcache.api.option.OptionType.wholeNumber;

import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.chunkfiles.directory.DirectorySettings;
import io.lmcache.chunkfiles.directory.DirectorySettings.Sharding;
import io.lmcache.chunkfiles.format.FileFormat;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * What can be set of every tier of files, with its values: its directories, and how it moves the bytes of their files.
 * Immutable and thread-safe.
 *
 * @param directory where the chunks lie
 * @param ioThreads the threads that read
 * @param useDirectIo whether O_DIRECT is wanted
 * @param stagingBytes the size of the tier's own allocator of host memory
 */
public record FileTierSettings(DirectorySettings directory, int ioThreads, boolean useDirectIo, long stagingBytes) {
    private static final int MIN_STAGING_BYTES = 4096;

    private static final Option<Boolean> USE_DIRECT_IO = Option.of(
                    "use_direct_io",
                    "false",
                    OptionType.BOOLEAN,
                    "Whether the file tier bypasses the page cache (O_DIRECT) where the file system allows it.")
            .withAlias("extra_config.use_direct_io");

    private static final Option<Integer> DISK_IO_THREADS = Option.of(
                    "disk_io_threads",
                    "16",
                    wholeNumber(1, 1024),
                    "The threads that read and write the file tier's files.")
            .withAlias("gds_io_threads")
            .withAlias("extra_config.gds_io_threads", FileTierSettings::threads)
            .withAlias("extra_config.disk_io_threads", FileTierSettings::threads)
            .formerly("io_threads", UnaryOperator.identity());

    private static final Option<ByteSize> STAGING_SIZE = Option.of(
                    "staging_size",
                    "1024",
                    megabytes(MIN_STAGING_BYTES),
                    "The host memory for chunks on their way to and from files, where no tier in host memory lends its"
                            + " own; committed as it is used.")
            .formerly("staging_bytes", ByteSize::withUnit);

    /** All of them. */
    public static final List<Option<?>> OPTIONS = Stream.of(
                    DirectorySettings.OPTIONS,
                    FileFormat.OPTIONS,
                    List.<Option<?>>of(USE_DIRECT_IO, DISK_IO_THREADS, STAGING_SIZE))
            .<Option<?>>flatMap(List::stream)
            .toList();

    /** To LMCache no threads are the one that asks; here that one never does I/O. */
    private static String threads(String ofLmcache) {
        return ofLmcache.strip().equals("0") ? "1" : ofLmcache;
    }

    /** These options, with those of one tier behind them. */
    public static List<Option<?>> optionsAnd(List<Option<?>> ofOneTier) {
        return Stream.concat(OPTIONS.stream(), ofOneTier.stream()).toList();
    }

    /**
     * What a backend's settings say.
     *
     * @param usualSharding which root a new chunk goes to unless the settings say it
     * @throws io.lmcache.api.LmcacheException when they name no root
     */
    public static FileTierSettings from(BackendSettings settings, Sharding usualSharding) {
        return from(settings, usualSharding, settings.required(SharedOptions.GDS_PATH));
    }

    /** What a backend's settings say of directories at other places. */
    public static FileTierSettings from(BackendSettings settings, Sharding usualSharding, List<Path> paths) {
        return new FileTierSettings(
                DirectorySettings.from(settings, usualSharding, paths),
                settings.value(DISK_IO_THREADS),
                settings.value(USE_DIRECT_IO),
                settings.value(STAGING_SIZE).bytes());
    }

    /** The same for a trial in another directory: with the same durability, without limits. */
    public FileTierSettings forTrialIn(Path trialDirectory, boolean useDirectIo) {
        return new FileTierSettings(
                DirectorySettings.withoutLimits(trialDirectory, directory.fsync()),
                ioThreads,
                useDirectIo,
                stagingBytes);
    }
}
