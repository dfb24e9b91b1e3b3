package io.lmcache.backend.gds.io;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.spi.Counters;
import io.lmcache.backend.gds.cufile.CufileException;
import io.lmcache.backend.gds.cufile.CufileFile;
import io.lmcache.chunkfiles.directory.NewChunkFile;
import io.lmcache.chunkfiles.io.PayloadRoute;
import io.lmcache.chunkfiles.io.PieceTransfer;
import io.lmcache.chunkfiles.io.WritableFile;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which path the payload of each operation takes. For device memory that is decided root by root: through libcufile for
 * as long as it works there, else through staging memory. Thread-safe.
 */
public final class IoPaths {
    private static final Logger LOG = LoggerFactory.getLogger(IoPaths.class);
    private static final Closeable NOTHING = () -> {};

    private final int device;
    private final StagingPool stagings;
    private final Optional<CufileIo> cufile;
    private final boolean isDirectIo;
    private final Map<Path, IoPath> pathOfRoot;
    private final Counters counters;

    /**
     * Paths as they were found at the start.
     *
     * @param device the ordinal of the device whose memory is reached
     * @param cufile libcufile, if some root uses it
     * @param isDirectIo whether files are read and written with O_DIRECT also where no direct path asks for it
     * @param pathOfRoot for each root, what its probe found
     * @param counters where operations are counted
     */
    public IoPaths(
            int device,
            StagingPool stagings,
            Optional<CufileIo> cufile,
            boolean isDirectIo,
            Map<Path, IoPath> pathOfRoot,
            Counters counters) {
        this.device = device;
        this.stagings = stagings;
        this.cufile = cufile;
        this.isDirectIo = isDirectIo;
        this.pathOfRoot = new ConcurrentHashMap<>(pathOfRoot);
        this.counters = counters;
    }

    /**
     * The route from an open file to memory, for one read.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} for memory of another device
     */
    PayloadRoute open(SharedFile file, KvBuffer memory) throws IOException {
        return switch (memory) {
            case HostBuffer host -> {
                PieceTransfer.Mover mover = file.channels().reader(host.segment());
                yield new Route(IoPath.HOST, () -> mover, NOTHING, counters);
            }
            case DeviceBuffer there -> {
                requireReachable(there);
                IoPath path = pathFor(file.path(), there);
                yield path == IoPath.STAGED ? stagedRead(file, there) : cufileRead(file, there, path);
            }
        };
    }

    private void requireReachable(DeviceBuffer memory) {
        if (memory.ordinal() != device) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "Backend 'gds' reads to device " + device + ", but the buffer is on device " + memory.ordinal()
                            + "; use the backend of that device");
        }
    }

    private Route stagedRead(SharedFile file, DeviceBuffer memory) {
        PieceTransfer.Movers movers = () -> new StagedRead(stagings, stagings.take(), file.channels(), memory);
        return new Route(IoPath.STAGED, movers, NOTHING, counters);
    }

    private Route cufileRead(SharedFile file, DeviceBuffer memory, IoPath path) throws IOException {
        try {
            CufileFile registered = file.registered(cufile.orElseThrow(), isDirect(path));
            return new Route(path, () -> cufileMover(registered, CufileFile.Mode.READ, memory), NOTHING, counters);
        } catch (CufileException e) {
            giveUpCufile(rootOf(file.path()), e);
            return stagedRead(file, memory);
        }
    }

    /** The route from memory to a new file, for one write. */
    public PayloadRoute open(NewChunkFile file, KvBuffer memory) throws IOException {
        return switch (memory) {
            case HostBuffer host -> {
                WritableFile target = WritableFile.open(file, isDirectIo);
                PieceTransfer.Mover mover = target.channels().writer(host.segment());
                yield new Route(IoPath.HOST, () -> mover, target, counters);
            }
            case DeviceBuffer there -> {
                IoPath path = pathFor(file.path(), there);
                yield path == IoPath.STAGED ? stagedWrite(file, there) : cufileWrite(file, there, path);
            }
        };
    }

    private Route stagedWrite(NewChunkFile file, DeviceBuffer memory) throws IOException {
        WritableFile target = WritableFile.open(file, isDirectIo);
        PieceTransfer.Movers movers = () -> new StagedWrite(stagings, stagings.take(), target.channels(), memory);
        return new Route(IoPath.STAGED, movers, target, counters);
    }

    private Route cufileWrite(NewChunkFile file, DeviceBuffer memory, IoPath path) throws IOException {
        try {
            CufileFile registered = cufile.orElseThrow().open(file.path(), CufileFile.Mode.WRITE, isDirect(path));
            PieceTransfer.Movers movers = () -> cufileMover(registered, CufileFile.Mode.WRITE, memory);
            return new Route(path, movers, registered, counters);
        } catch (CufileException e) {
            giveUpCufile(rootOf(file.path()), e);
            return stagedWrite(file, memory);
        }
    }

    private CufileMover cufileMover(CufileFile file, CufileFile.Mode mode, DeviceBuffer memory) throws IOException {
        return new CufileMover(
                stagings, stagings.take(), file, mode, cufile.orElseThrow().registration(), memory);
    }

    /** A direct path needs O_DIRECT; a compatible one takes it as any other does. */
    private boolean isDirect(IoPath path) {
        return path == IoPath.DIRECT || isDirectIo;
    }

    private IoPath pathFor(Path file, DeviceBuffer memory) {
        boolean isServed = cufile.isPresent() && cufile.get().serves(memory);
        return isServed ? Objects.requireNonNull(pathOfRoot.get(rootOf(file))) : IoPath.STAGED;
    }

    /** Told that an operation on the file failed; says whether the next route to it is another one. */
    public boolean hasOther(Path file, Exception failure) {
        if (failure instanceof CufileException cause) {
            giveUpCufile(rootOf(file), cause);
            return true;
        }
        return false;
    }

    /** Leaves libcufile alone in a root from now on; says so once. */
    private void giveUpCufile(Path root, CufileException cause) {
        if (pathOfRoot.put(root, IoPath.STAGED) != IoPath.STAGED) {
            LOG.warn(
                    "libcufile failed in {} ({}); until the next start GPU memory is reached through page-locked"
                            + " staging there",
                    root,
                    cause.getMessage());
        }
    }

    private Path rootOf(Path file) {
        for (Path root : pathOfRoot.keySet()) {
            if (file.startsWith(root)) {
                return root;
            }
        }
        throw new IllegalArgumentException(file + " lies in none of " + pathOfRoot.keySet());
    }
}
