package io.lmcache.backend.posix;

import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import io.lmcache.chunkfiles.ChunkFileBackend;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.Counters;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.chunkfiles.io.DirectIo;
import java.util.List;

/**
 * The provider of the backend {@code posix}: chunks in files below one or several directories, shared between processes.
 *
 * <table>
 * <caption>Settings</caption>
 * <tr><th>name</th><th>default</th><th>meaning</th></tr>
 * <tr><td>{@code path}</td><td>required</td><td>one or several directories, comma separated; created when missing</td></tr>
 * <tr><td>{@code sharding}</td><td>{@code by_hash}</td><td>which of several directories a chunk goes to: {@code by_hash}
 *     spreads evenly, {@code by_gpu} takes one for each GPU, which without a GPU is the first</td></tr>
 * <tr><td>{@code io_threads}</td><td>16</td><td>threads that read; a quarter as many, at least one, write</td></tr>
 * <tr><td>{@code use_direct_io}</td><td>false</td><td>O_DIRECT, where every directory's file system takes it</td></tr>
 * <tr><td>{@code file_format}</td><td>{@code native}</td><td>what the files are like: {@code native},
 *     {@code lmcache_0_3_2}, {@code lmcache_0_5}</td></tr>
 * <tr><td>{@code file_checksum}</td><td>true</td><td>whether files of LMCache's formats get a checksum in
 *     {@code __metadata__}, which LMCache passes over; native ones always have one</td></tr>
 * <tr><td>{@code signed_hashes}</td><td>true</td><td>for {@code lmcache_0_5}: whether chunk hashes are signed numbers, as
 *     LMCache's {@code builtin} makes them</td></tr>
 * <tr><td>{@code fsync}</td><td>{@code none}</td><td>what is forced to disk before a chunk is published: {@code none},
 *     {@code data} (the file), {@code full} (its directory too)</td></tr>
 * <tr><td>{@code max_bytes}</td><td>0</td><td>the most bytes on disk, in even shares for the directories; least recently
 *     used chunks go first; 0 for no limit</td></tr>
 * <tr><td>{@code ttl_seconds}</td><td>0</td><td>chunks unused for so long are removed by the next sweep; 0 for never</td></tr>
 * <tr><td>{@code min_free_bytes}</td><td>256 MiB</td><td>space left alone on each file system; 0 to use all of it</td></tr>
 * <tr><td>{@code staging_bytes}</td><td>512 MiB</td><td>host memory of the backend's own allocator</td></tr>
 * </table>
 *
 * <p>The limit counts chunk files and quarantine, whoever wrote them. Each process knows what it writes at once, and what
 * the others write from its next sweep, a minute or more apart: with several writers, disk use exceeds the limit by what
 * the others published since, and by what is being written. Stateless and thread-safe.
 */
public final class PosixBackendProvider implements StorageBackendProvider {
    static final String NAME = "posix";
    private static final int READERS_PER_WRITER = 4;

    /** For {@link java.util.ServiceLoader}. */
    public PosixBackendProvider() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public StorageBackend create(BackendSettings settings, BackendContext context) {
        return open(PosixSettings.from(settings), FileFormat.chosenIn(settings), context);
    }

    /** A new backend over files of that format. */
    static StorageBackend open(PosixSettings settings, ChunkFileFormat format, BackendContext context) {
        Counters counters = new Counters();
        ChunkDirectory directory = ChunkDirectory.open(settings.directory(), format, counters, context.clock());
        try {
            boolean isDirect = settings.useDirectIo() && DirectIo.isUsableIn(directory.roots());
            return new ChunkFileBackend(
                    NAME,
                    settings.directory().maxBytes(),
                    counters,
                    directory,
                    new HostTransport(directory, isDirect, settings.stagingBytes()),
                    new ChunkFileBackend.Threads(
                            settings.ioThreads(), Math.max(1, settings.ioThreads() / READERS_PER_WRITER)));
        } catch (RuntimeException e) {
            directory.close();
            throw e;
        }
    }

    @Override
    public List<Finding> diagnose(BackendSettings settings, BackendContext context) {
        return PosixDiagnosis.of(PosixSettings.from(settings), context);
    }
}
