package io.lmcache.backend.posix;

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

/**
 * The backend's settings as values; {@link PosixBackendProvider} documents them.
 *
 * @param directory where the chunks lie
 * @param ioThreads the threads that read
 * @param useDirectIo whether O_DIRECT is wanted
 * @param stagingBytes the size of the backend's own allocator
 */
record PosixSettings(DirectorySettings directory, int ioThreads, boolean useDirectIo, long stagingBytes) {
    private static final long MIB = 1 << 20;
    private static final int NO_DEVICE = 0;
    private static final long MAX_TTL_SECONDS = 100L * 365 * 24 * 3600;

    static PosixSettings from(BackendSettings settings) {
        DirectorySettings directory = new DirectorySettings(
                paths(settings),
                settings.choice("sharding", Sharding.BY_HASH),
                NO_DEVICE,
                settings.choice("fsync", FsyncMode.NONE),
                settings.number("max_bytes", 0, 0, Long.MAX_VALUE),
                Duration.ofSeconds(settings.number("ttl_seconds", 0, 0, MAX_TTL_SECONDS)),
                settings.number("min_free_bytes", 256 * MIB, 0, Long.MAX_VALUE / 2));
        return new PosixSettings(
                directory,
                (int) settings.number("io_threads", 16, 1, 1024),
                settings.bool("use_direct_io", false),
                settings.number("staging_bytes", 512 * MIB, 4096, Long.MAX_VALUE / 2));
    }

    private static List<Path> paths(BackendSettings settings) {
        String text = settings.requiredText("path");
        try {
            List<Path> paths = settings.list("path").stream().map(Path::of).toList();
            if (!paths.isEmpty() && paths.stream().distinct().count() == paths.size()) {
                return paths;
            }
        } catch (InvalidPathException e) {
            throw invalidPaths(text, e);
        }
        throw invalidPaths(text, null);
    }

    private static LmcacheException invalidPaths(String text, @org.jspecify.annotations.Nullable Throwable cause) {
        return new LmcacheException(
                ErrorCode.INVALID_CONFIGURATION,
                "Backend 'posix': setting 'path' is '" + text
                        + "', allowed is a comma separated list of one or more different directories",
                cause);
    }
}
