package io.lmcache.backend.gds;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import io.lmcache.backend.gds.diagnosis.Machine;
import io.lmcache.chunkfiles.ChunkFileBackend;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.Counters;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.chunkfiles.io.DirectIo;
import java.util.List;

/**
 * The provider of the backend {@code gds}: chunks in files, read to and written from GPU memory. It reads and writes host
 * memory too, and shares its directory with the backend {@code posix}: same files, same format.
 *
 * <table>
 * <caption>Settings</caption>
 * <tr><th>name</th><th>default</th><th>meaning</th></tr>
 * <tr><td>{@code path}</td><td>required</td><td>one or several directories, comma separated; created when missing</td></tr>
 * <tr><td>{@code sharding}</td><td>{@code by_gpu}</td><td>which of several directories a chunk goes to: {@code by_gpu}
 *     takes the one at the GPU's number in the machine modulo theirs, {@code by_hash} spreads evenly</td></tr>
 * <tr><td>{@code device}</td><td>0</td><td>the CUDA ordinal of the GPU</td></tr>
 * <tr><td>{@code buffer_bytes}</td><td>1 GiB</td><td>GPU memory of the backend's own allocator, registered with
 *     libcufile</td></tr>
 * <tr><td>{@code use_cufile}</td><td>{@code auto}</td><td>{@code auto}: where a write and a read through it work;
 *     {@code true}: the start fails where they do not; {@code false}: never</td></tr>
 * <tr><td>{@code cufile_library}</td><td>none</td><td>the file of libcufile; without it the usual places are tried</td></tr>
 * <tr><td>{@code io_threads}</td><td>16</td><td>threads that read; half as many write. Each takes 8 MiB of page-locked
 *     memory</td></tr>
 * <tr><td>{@code use_direct_io}</td><td>false</td><td>O_DIRECT, where every directory's file system takes it</td></tr>
 * <tr><td>{@code staging_bytes}</td><td>512 MiB</td><td>host memory that chunks of engines without a paged cache on the GPU
 *     are prepared in; committed as it is used</td></tr>
 * <tr><td>{@code max_alloc_attempts}</td><td>10</td><td>how often a read asks for room in the GPU memory above before it
 *     is a miss</td></tr>
 * <tr><td>{@code allocation_attempt_delay_secs}</td><td>0.1</td><td>how long it waits in between</td></tr>
 * <tr><td>{@code file_format}</td><td>{@code native}</td><td>what the files are like: {@code native},
 *     {@code lmcache_0_3_2}, {@code lmcache_0_5}</td></tr>
 * <tr><td>{@code file_checksum}</td><td>true</td><td>whether files of LMCache's formats get a checksum in
 *     {@code __metadata__}, which LMCache passes over; native ones always have one</td></tr>
 * <tr><td>{@code signed_hashes}</td><td>true</td><td>for {@code lmcache_0_5}: whether chunk hashes are signed numbers, as
 *     LMCache's {@code builtin} makes them</td></tr>
 * <tr><td>{@code fsync}</td><td>{@code none}</td><td>what is forced to disk before a chunk is published: {@code none},
 *     {@code data} (the file), {@code full} (its directory too)</td></tr>
 * <tr><td>{@code max_bytes}</td><td>0</td><td>the most bytes on disk; 0 for no limit</td></tr>
 * <tr><td>{@code ttl_seconds}</td><td>0</td><td>chunks unused for so long are removed; 0 for never</td></tr>
 * <tr><td>{@code min_free_bytes}</td><td>256 MiB</td><td>space left alone on each file system</td></tr>
 * </table>
 *
 * <p>Stateless and thread-safe.
 */
public final class GdsBackendProvider implements StorageBackendProvider {
    static final String NAME = "gds";

    /** For {@link java.util.ServiceLoader}. */
    public GdsBackendProvider() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public StorageBackend create(BackendSettings settings, BackendContext context) {
        return open(GdsSettings.from(settings), FileFormat.chosenIn(settings), context);
    }

    /**
     * A new backend over files of that format.
     *
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when the device, libcufile where it is required, or the
     *     directory cannot be used
     */
    static StorageBackend open(GdsSettings settings, ChunkFileFormat format, BackendContext context) {
        DeviceMemoryPool memory = DeviceMemoryPool.open(settings, context.hostMemory());
        try {
            return open(settings, format, context, memory);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private static StorageBackend open(
            GdsSettings settings, ChunkFileFormat format, BackendContext context, DeviceMemoryPool memory) {
        Counters counters = new Counters();
        ChunkDirectory directory = ChunkDirectory.open(
                settings.directory().forDevice(memory.deviceNumber()), format, counters, context.clock());
        try {
            boolean isDirectIo = settings.useDirectIo() && DirectIo.isUsableIn(directory.roots());
            return new ChunkFileBackend(
                    NAME,
                    settings.directory().maxBytes(),
                    counters,
                    directory,
                    new DeviceTransport(settings, memory, directory, isDirectIo),
                    new ChunkFileBackend.Threads(settings.ioThreads(), settings.writeThreads()));
        } catch (RuntimeException e) {
            directory.close();
            throw e;
        }
    }

    /** Without a path: what the driver, the devices and libcufile have to say. */
    @Override
    public List<Finding> diagnose(BackendSettings settings, BackendContext context) {
        GdsSettings own =
                settings.text("path").isPresent() ? GdsSettings.from(settings) : GdsSettings.from(settings, List.of());
        return new GdsDiagnosis(own, context, Machine.ofThisProcess()).findings();
    }
}
