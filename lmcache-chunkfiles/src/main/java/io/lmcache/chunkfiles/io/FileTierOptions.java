package io.lmcache.chunkfiles.io;

import static io.lmcache.api.option.OptionType.megabytes;
import static io.lmcache.api.option.OptionType.wholeNumber;

import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import io.lmcache.chunkfiles.directory.DirectorySettings;
import io.lmcache.chunkfiles.format.FileFormat;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** The options of every tier of files: its directories, its files, and how it moves their bytes. Immutable and thread-safe. */
public final class FileTierOptions {
    private static final int MIN_STAGING_BYTES = 4096;

    /** Whether to bypass the page cache. */
    public static final Option<Boolean> USE_DIRECT_IO = Option.of(
                    "use_direct_io",
                    "false",
                    OptionType.BOOLEAN,
                    "Whether the file tier bypasses the page cache (O_DIRECT) where the file system allows it.")
            .withAlias("extra_config.use_direct_io");

    /** The threads that read and write files. */
    public static final Option<Integer> DISK_IO_THREADS = Option.of(
                    "disk_io_threads",
                    "16",
                    wholeNumber(1, 1024),
                    "The threads that read and write the file tier's files.")
            .withAlias("gds_io_threads")
            .withAlias("extra_config.gds_io_threads")
            .formerly("io_threads", UnaryOperator.identity());

    /** The memory that chunks of engines are prepared in, where no tier above lends its own. */
    public static final Option<ByteSize> STAGING_SIZE = Option.of(
                    "staging_size",
                    "1024",
                    megabytes(MIN_STAGING_BYTES),
                    "The host memory for chunks on their way to and from files, where no tier in host memory lends its"
                            + " own; committed as it is used.")
            .formerly("staging_bytes", ByteSize::withUnit);

    private FileTierOptions() {}

    /** The options of a tier of files, with those of its own behind them. */
    public static List<Option<?>> and(List<Option<?>> ofItsOwn) {
        return Stream.of(
                        DirectorySettings.OPTIONS,
                        FileFormat.OPTIONS,
                        List.<Option<?>>of(USE_DIRECT_IO, DISK_IO_THREADS, STAGING_SIZE),
                        ofItsOwn)
                .<Option<?>>flatMap(List::stream)
                .toList();
    }
}
