package io.lmcache.chunkfiles.directory;

import static io.lmcache.api.option.OptionType.auto;
import static io.lmcache.api.option.OptionType.choice;
import static io.lmcache.api.option.OptionType.gigabytes;
import static io.lmcache.api.option.OptionType.wholeSeconds;

import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.BackendSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

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
 * @param othersMayWrite what happens where others than this process's user may write to a root
 */
public record DirectorySettings(
        List<Path> paths,
        Sharding sharding,
        int device,
        FsyncMode fsync,
        long maxBytes,
        Duration timeToLive,
        long minFreeBytes,
        OthersMayWrite othersMayWrite) {
    /** Which of several roots a chunk is written to. */
    public static final Option<Optional<Sharding>> GDS_PATH_SHARDING = Option.of(
                    "gds_path_sharding",
                    "auto",
                    auto(choice(Sharding.class)),
                    "Which of several directories a chunk is written to: by its hash, or by the GPU's place on the PCI bus;"
                            + " auto is by_gpu with a CUDA device and by_hash without. Reads try all.")
            .formerly("sharding", UnaryOperator.identity());

    /** The most bytes on disk. */
    public static final Option<ByteSize> MAX_GDS_SIZE = Option.of(
                    "max_gds_size",
                    "0",
                    gigabytes(0),
                    "The most bytes in the file tier's directories, whoever wrote them; 0 is no limit.")
            .formerly("max_bytes", ByteSize::withUnit);

    /** How long an unused chunk stays. */
    public static final Option<Duration> GDS_TTL_SECS = Option.of(
                    "gds_ttl_secs",
                    "0",
                    wholeSeconds(Integer.MAX_VALUE),
                    "How long a chunk stays in the file tier after its last use; 0 is for ever.")
            .formerly("ttl_seconds", UnaryOperator.identity());

    /** The space that is left alone. */
    public static final Option<ByteSize> GDS_MIN_FREE_SPACE = Option.of(
                    "gds_min_free_space",
                    "0.25",
                    gigabytes(0),
                    "The space that the file tier leaves free on its file systems; 0 is none.")
            .formerly("min_free_bytes", ByteSize::withUnit);

    /** What is forced to the disk. */
    public static final Option<FsyncMode> FSYNC = Option.of(
            "fsync",
            "none",
            choice(FsyncMode.class),
            "What is forced to the device before a chunk file is published: nothing, its bytes, or also its metadata"
                    + " and directory entry. Without it a power cut can cost chunks, but never gives wrong ones where files"
                    + " have a checksum.");

    /** What happens where others may write to a root. */
    public static final Option<OthersMayWrite> GDS_PATH_OTHERS_MAY_WRITE = Option.of(
            "gds_path_others_may_write",
            "warn",
            choice(OthersMayWrite.class),
            "What happens where others than this process's user may write to a directory of the file tier, and so replace"
                    + " its chunks: the tier does not start, a warning, or nothing.");

    /** All of them. */
    public static final List<Option<?>> OPTIONS = List.of(
            SharedOptions.GDS_PATH,
            GDS_PATH_SHARDING,
            MAX_GDS_SIZE,
            GDS_TTL_SECS,
            GDS_MIN_FREE_SPACE,
            FSYNC,
            GDS_PATH_OTHERS_MAY_WRITE);

    /** What happens where others than this process's user may write to a root. */
    public enum OthersMayWrite {
        /** It is not used. */
        REFUSE,
        /** It is used, and the log says so. */
        WARN,
        /** It is used. */
        ALLOW
    }

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

    /** With a warning where others may write. */
    public DirectorySettings(
            List<Path> paths,
            Sharding sharding,
            int device,
            FsyncMode fsync,
            long maxBytes,
            Duration timeToLive,
            long minFreeBytes) {
        this(paths, sharding, device, fsync, maxBytes, timeToLive, minFreeBytes, OthersMayWrite.WARN);
    }

    /** Copies the list. */
    public DirectorySettings {
        paths = List.copyOf(paths);
    }

    /**
     * What a backend's settings say of these directories.
     *
     * @param usualSharding which root a new chunk goes to unless the settings say it
     */
    public static DirectorySettings from(BackendSettings settings, Sharding usualSharding, List<Path> paths) {
        return new DirectorySettings(
                paths,
                settings.value(GDS_PATH_SHARDING).orElse(usualSharding),
                0,
                settings.value(FSYNC),
                settings.value(MAX_GDS_SIZE).bytes(),
                settings.value(GDS_TTL_SECS),
                settings.value(GDS_MIN_FREE_SPACE).bytes(),
                settings.value(GDS_PATH_OTHERS_MAY_WRITE));
    }

    /** A single root whose chunks stay as long as its file system has room. */
    public static DirectorySettings withoutLimits(Path root, FsyncMode fsync) {
        return new DirectorySettings(List.of(root), Sharding.BY_HASH, 0, fsync, 0, Duration.ZERO, 0);
    }

    /** The same for a GPU of that number. */
    public DirectorySettings forDevice(int number) {
        return new DirectorySettings(
                paths, sharding, number, fsync, maxBytes, timeToLive, minFreeBytes, othersMayWrite);
    }

    /** The bytes that one root may hold; {@link Long#MAX_VALUE} without a limit. */
    long maxBytesOfRoot() {
        return maxBytes == 0 ? Long.MAX_VALUE : maxBytes / paths.size();
    }
}
