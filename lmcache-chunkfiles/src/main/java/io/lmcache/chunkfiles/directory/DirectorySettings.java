package io.lmcache.chunkfiles.directory;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * Where a chunk directory lies and what bounds it. Immutable and thread-safe.
 *
 * @param paths its roots, at least one; with several, each holds a share of the chunks
 * @param sharding which of several roots a new chunk goes to
 * @param device the number of this process's GPU, 0 without one; what {@link Sharding#BY_GPU} goes by
 * @param fsync what is forced to the disk before a chunk counts as stored
 * @param maxBytes the most bytes that chunk files and quarantine may take, in even shares for the roots; 0 for no limit
 * @param timeToLive how long a chunk stays after its last use; zero for no limit
 * @param minFreeBytes how many bytes of each root's file system are left alone; 0 to use all of it
 */
public record DirectorySettings(
        List<Path> paths,
        Sharding sharding,
        int device,
        FsyncMode fsync,
        long maxBytes,
        Duration timeToLive,
        long minFreeBytes) {
    /** Which of several roots a new chunk goes to. Reads try that root first, then the others. */
    public enum Sharding {
        /** The chunk hash decides, so that load and space are even. */
        BY_HASH,
        /** The GPU's number decides, so that each GPU writes to the drive near to it. */
        BY_GPU
    }

    /** What is forced to the disk before a chunk counts as stored. A crash of the process alone never needs it. */
    public enum FsyncMode {
        /** Nothing: after a power failure recent chunks may be gone or fail their check, which is a miss. */
        NONE,
        /** The file, before it gets its name. */
        DATA,
        /** The file, and its directory after that. */
        FULL
    }

    /** Copies the list. */
    public DirectorySettings {
        paths = List.copyOf(paths);
    }

    /** The same for a GPU of that number. */
    public DirectorySettings forDevice(int number) {
        return new DirectorySettings(paths, sharding, number, fsync, maxBytes, timeToLive, minFreeBytes);
    }

    /** The bytes that one root may hold; {@link Long#MAX_VALUE} without a limit. */
    long maxBytesOfRoot() {
        return maxBytes == 0 ? Long.MAX_VALUE : maxBytes / paths.size();
    }
}
