package io.lmcache.backend.gds;

import static io.lmcache.api.option.OptionType.megabytes;
import static io.lmcache.api.option.OptionType.wholeNumber;

import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.option.SharedOptions.CufileUse;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.chunkfiles.FileTierSettings;
import io.lmcache.chunkfiles.directory.DirectorySettings.Sharding;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * The backend's settings as values.
 *
 * @param files those of every tier of files
 * @param device the CUDA ordinal of the GPU
 * @param bufferBytes the size of the device buffer
 * @param useCufile whether libcufile is used
 * @param cufileLibrary the library's file; empty to look for it
 * @param maxAllocAttempts how often a read asks for room in the device buffer
 * @param allocAttemptDelay how long it waits in between
 */
record GdsSettings(
        FileTierSettings files,
        int device,
        long bufferBytes,
        CufileUse useCufile,
        Optional<String> cufileLibrary,
        int maxAllocAttempts,
        Duration allocAttemptDelay) {
    private static final Option<Optional<String>> CUFILE_LIBRARY = Option.of(
            "cufile_library",
            "auto",
            OptionType.auto(OptionType.TEXT),
            "The file of libcufile; auto tries the usual names and the folders of CUDA installations.");

    private static final Option<Integer> CUDA_DEVICE = Option.of(
                    "cuda_device",
                    "0",
                    wholeNumber(0, 1023),
                    "The GPU of the file tier: its CUDA ordinal, as this process counts its devices.")
            .formerly("device", UnaryOperator.identity());

    private static final Option<ByteSize> CUFILE_BUFFER_SIZE = Option.of(
                    "cufile_buffer_size",
                    "1024",
                    megabytes(ByteSize.MIB),
                    "The GPU memory registered with cuFile, taken once at start.")
            .withAlias("gds_buffer_size")
            .formerly("buffer_bytes", ByteSize::withUnit);

    /** What can be set. */
    static final List<Option<?>> OPTIONS = FileTierSettings.optionsAnd(List.of(
            SharedOptions.USE_CUFILE,
            CUFILE_LIBRARY,
            CUDA_DEVICE,
            CUFILE_BUFFER_SIZE,
            SharedOptions.MAX_ALLOC_ATTEMPTS,
            SharedOptions.ALLOCATION_ATTEMPT_DELAY_SECS));

    static GdsSettings from(BackendSettings settings) {
        return from(settings, settings.required(SharedOptions.GDS_PATH));
    }

    /** The settings for these directories. */
    static GdsSettings from(BackendSettings settings, List<Path> paths) {
        return new GdsSettings(
                FileTierSettings.from(settings, Sharding.BY_GPU, paths),
                settings.value(CUDA_DEVICE),
                settings.value(CUFILE_BUFFER_SIZE).bytes(),
                settings.value(SharedOptions.USE_CUFILE),
                settings.value(CUFILE_LIBRARY),
                settings.value(SharedOptions.MAX_ALLOC_ATTEMPTS),
                settings.value(SharedOptions.ALLOCATION_ATTEMPT_DELAY_SECS));
    }

    /** The threads that write. They are apart, so that a burst of stores does not stand in the way of a load. */
    int writeThreads() {
        return Math.max(1, files.ioThreads() / 2);
    }

    /** The same for a trial in another directory. */
    GdsSettings forTrialIn(Path directory, CufileUse trialUse) {
        return new GdsSettings(
                files.forTrialIn(directory, files.useDirectIo()),
                device,
                bufferBytes,
                trialUse,
                cufileLibrary,
                maxAllocAttempts,
                allocAttemptDelay);
    }
}
