package io.lmcache.backend.posix;

import io.lmcache.api.option.Option;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.chunkfiles.directory.DirectorySettings;
import io.lmcache.chunkfiles.directory.DirectorySettings.Sharding;
import io.lmcache.chunkfiles.io.FileTierOptions;
import java.util.List;

/**
 * The backend's settings as values.
 *
 * @param directory where the chunks lie
 * @param ioThreads the threads that read
 * @param useDirectIo whether O_DIRECT is wanted
 * @param stagingBytes the size of the backend's own allocator
 */
record PosixSettings(DirectorySettings directory, int ioThreads, boolean useDirectIo, long stagingBytes) {
    /** What can be set. */
    static final List<Option<?>> OPTIONS = FileTierOptions.and(List.of());

    static PosixSettings from(BackendSettings settings) {
        return new PosixSettings(
                DirectorySettings.from(settings, Sharding.BY_HASH),
                settings.value(FileTierOptions.DISK_IO_THREADS),
                settings.value(FileTierOptions.USE_DIRECT_IO),
                settings.value(FileTierOptions.STAGING_SIZE).bytes());
    }
}
