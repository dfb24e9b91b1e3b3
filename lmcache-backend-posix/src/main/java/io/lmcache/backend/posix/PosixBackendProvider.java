package io.lmcache.backend.posix;

import io.lmcache.api.option.Option;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Counters;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import io.lmcache.chunkfiles.ChunkFileBackend;
import io.lmcache.chunkfiles.FileTierSettings;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.DirectorySettings.Sharding;
import io.lmcache.chunkfiles.format.FileFormat;
import java.time.Duration;
import java.util.List;

/**
 * The provider of the backend {@code posix}: chunks in files below one or several directories, shared between processes.
 *
 * <p>{@code max_gds_size} counts chunk files and quarantine, whoever wrote them. Each process knows what it writes at once, and what
 * the others write from its next sweep, a minute or more apart: with several writers, disk use exceeds the limit by what
 * the others published since, and by what is being written. Stateless and thread-safe.
 */
public final class PosixBackendProvider implements StorageBackendProvider {
    static final String NAME = "posix";
    private static final int READERS_PER_WRITER = 4;
    private static final Duration OPEN_TIMEOUT = Duration.ofSeconds(20);

    /** For {@link java.util.ServiceLoader}. */
    public PosixBackendProvider() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public List<Option<?>> options() {
        return FileTierSettings.OPTIONS;
    }

    @Override
    public StorageBackend create(BackendSettings settings, BackendContext context) {
        return open(FileTierSettings.from(settings, Sharding.BY_HASH), FileFormat.chosenIn(settings), context);
    }

    /** A new backend over files of that format. */
    static StorageBackend open(FileTierSettings settings, ChunkFileFormat format, BackendContext context) {
        return ChunkFileBackend.open(NAME, OPEN_TIMEOUT, () -> openNow(settings, format, context));
    }

    private static StorageBackend openNow(FileTierSettings settings, ChunkFileFormat format, BackendContext context) {
        Counters counters = ChunkDirectory.newCounters();
        ChunkDirectory directory = ChunkDirectory.open(settings.directory(), format, counters, context.clock());
        try {
            return new ChunkFileBackend(
                    NAME,
                    settings,
                    counters,
                    directory,
                    new HostTransport(settings, directory),
                    new ChunkFileBackend.Threads(
                            settings.ioThreads(), Math.max(1, settings.ioThreads() / READERS_PER_WRITER)));
        } catch (RuntimeException e) {
            directory.close();
            throw e;
        }
    }

    @Override
    public List<Finding> diagnose(BackendSettings settings, BackendContext context) {
        return PosixDiagnosis.of(FileTierSettings.from(settings, Sharding.BY_HASH), context);
    }
}
