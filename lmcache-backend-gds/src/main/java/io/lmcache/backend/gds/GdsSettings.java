package io.lmcache.backend.gds;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.chunkfiles.directory.DirectorySettings;
import io.lmcache.chunkfiles.directory.DirectorySettings.FsyncMode;
import io.lmcache.chunkfiles.directory.DirectorySettings.Sharding;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The backend's settings as values; {@link GdsBackendProvider} documents them.
 *
 * @param directory where the chunks lie
 * @param device the CUDA ordinal of the GPU
 * @param bufferBytes the size of the device buffer
 * @param useCufile whether libcufile is used
 * @param cufileLibrary the library's file; empty to look for it
 * @param ioThreads the threads that read
 * @param useDirectIo whether O_DIRECT is wanted
 * @param stagingBytes the size of the allocator for host memory
 * @param maxAllocAttempts how often a read asks for room in the device buffer
 * @param allocAttemptDelay how long it waits in between
 */
record GdsSettings(
        DirectorySettings directory,
        int device,
        long bufferBytes,
        UseCufile useCufile,
        Optional<String> cufileLibrary,
        int ioThreads,
        boolean useDirectIo,
        long stagingBytes,
        int maxAllocAttempts,
        Duration allocAttemptDelay) {
    /** Whether libcufile is used. */
    enum UseCufile {
        /** Where it works. */
        AUTO,
        /** Everywhere; where it does not work, the start fails. */
        TRUE,
        /** Nowhere. */
        FALSE
    }

    private static final long MIB = 1 << 20;
    private static final long MAX_TTL_SECONDS = 100L * 365 * 24 * 3600;
    private static final double MAX_DELAY_SECONDS = 60;

    static GdsSettings from(BackendSettings settings) {
        return from(settings, paths(settings));
    }

    /** The settings for these directories. */
    static GdsSettings from(BackendSettings settings, List<Path> paths) {
        DirectorySettings directory = new DirectorySettings(
                paths,
                settings.choice("sharding", Sharding.BY_GPU),
                0,
                settings.choice("fsync", FsyncMode.NONE),
                settings.number("max_bytes", 0, 0, Long.MAX_VALUE),
                Duration.ofSeconds(settings.number("ttl_seconds", 0, 0, MAX_TTL_SECONDS)),
                settings.number("min_free_bytes", 256 * MIB, 0, Long.MAX_VALUE / 2));
        return new GdsSettings(
                directory,
                (int) settings.number("device", 0, 0, 1023),
                settings.number("buffer_bytes", 1024 * MIB, MIB, Long.MAX_VALUE / 2),
                settings.choice("use_cufile", UseCufile.AUTO),
                settings.text("cufile_library"),
                (int) settings.number("io_threads", 16, 1, 1024),
                settings.bool("use_direct_io", false),
                settings.number("staging_bytes", 512 * MIB, 4096, Long.MAX_VALUE / 2),
                (int) settings.number("max_alloc_attempts", 10, 1, 1_000_000),
                delay(settings));
    }

    private static List<Path> paths(BackendSettings settings) {
        String text = settings.requiredText("path");
        try {
            List<Path> paths = settings.list("path").stream().map(Path::of).toList();
            if (!paths.isEmpty() && paths.stream().distinct().count() == paths.size()) {
                return paths;
            }
        } catch (InvalidPathException e) {
            throw invalid("path", text, "a comma separated list of one or more different directories", e);
        }
        throw invalid("path", text, "a comma separated list of one or more different directories", null);
    }

    private static Duration delay(BackendSettings settings) {
        String text = settings.text("allocation_attempt_delay_secs").orElse("0.1");
        try {
            double seconds = Double.parseDouble(text);
            if (seconds >= 0 && seconds <= MAX_DELAY_SECONDS) {
                return Duration.ofNanos((long) (seconds * 1e9));
            }
        } catch (NumberFormatException e) {
            throw invalid("allocation_attempt_delay_secs", text, "seconds from 0 to " + MAX_DELAY_SECONDS, e);
        }
        throw invalid("allocation_attempt_delay_secs", text, "seconds from 0 to " + MAX_DELAY_SECONDS, null);
    }

    private static LmcacheException invalid(
            String name, String value, String allowed, @Nullable IllegalArgumentException cause) {
        return new LmcacheException(
                ErrorCode.INVALID_CONFIGURATION,
                "Backend 'gds': setting '" + name + "' is '" + value + "', allowed are " + allowed,
                cause);
    }

    /** The threads that write. They are apart, so that a burst of stores does not stand in the way of a load. */
    int writeThreads() {
        return Math.max(1, ioThreads / 2);
    }

    /** The bytes that chunks may take on disk; {@link Long#MAX_VALUE} without a limit. */
    long limitBytes() {
        return directory.maxBytes() == 0 ? Long.MAX_VALUE : directory.maxBytes();
    }
}
