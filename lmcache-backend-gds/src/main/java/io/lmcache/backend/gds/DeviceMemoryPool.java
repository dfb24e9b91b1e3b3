package io.lmcache.backend.gds;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.option.SharedOptions.CufileUse;
import io.lmcache.api.spi.Counters;
import io.lmcache.backend.gds.io.CufileIo;
import io.lmcache.backend.gds.io.IoPath;
import io.lmcache.backend.gds.io.IoPaths;
import io.lmcache.backend.gds.io.StagingPool;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.CudaException;
import io.lmcache.cuda.DeviceMemory;
import io.lmcache.cuda.HostPageLocks;
import io.lmcache.cuda.ResourceStack;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a backend holds on its device: the buffer that chunks are allocated in, registered with libcufile where that is
 * used, and the staging memory beside it. Thread-safe.
 */
final class DeviceMemoryPool implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DeviceMemoryPool.class);
    private static final String FALLBACK = "GPU memory is reached through page-locked staging memory";

    private final int deviceNumber;
    private final CufileUse useCufile;
    private final SlabAllocator allocator;
    private final StagingPool stagings;
    private final Optional<CufileIo> cufile;
    private final HostPageLocks hostLocks;
    // Closed in reverse: registrations before the memory they are on, the device last.
    private final ResourceStack memory;
    private final ResourceStack users;

    private DeviceMemoryPool(
            int deviceNumber,
            CufileUse useCufile,
            SlabAllocator allocator,
            StagingPool stagings,
            Optional<CufileIo> cufile,
            HostPageLocks hostLocks,
            ResourceStack memory,
            ResourceStack users) {
        this.deviceNumber = deviceNumber;
        this.useCufile = useCufile;
        this.allocator = allocator;
        this.stagings = stagings;
        this.cufile = cufile;
        this.hostLocks = hostLocks;
        this.memory = memory;
        this.users = users;
    }

    /**
     * Allocates and registers; begins to page-lock the host memory.
     *
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when something cannot be had; nothing stays behind
     */
    static DeviceMemoryPool open(GdsSettings settings, List<HostBuffer> hostMemory) {
        ResourceStack memory = new ResourceStack();
        ResourceStack users = new ResourceStack();
        try {
            CudaDevice device = memory.add(CudaDevice.open(settings.device()));
            DeviceMemory buffer = memory.add(allocate(device, settings.bufferBytes()));
            SlabAllocator allocator = new SlabAllocator(GdsBackendProvider.NAME, buffer.buffer(), _ -> {});
            StagingPool stagings = users.add(newStagings(device, settings));
            Optional<CufileIo> cufile = openCufile(settings, device, buffer);
            cufile.ifPresent(users::add);
            HostPageLocks locks = users.add(HostPageLocks.start(device, hostMemory));
            return new DeviceMemoryPool(
                    number(device), settings.useCufile(), allocator, stagings, cufile, locks, memory, users);
        } catch (RuntimeException e) {
            closeAll(users, memory);
            throw e;
        }
    }

    private static int number(CudaDevice device) {
        try {
            return device.number();
        } catch (CudaException e) {
            LOG.warn(
                    "{} has no place on the PCI bus ({}); sharding by_gpu goes by its ordinal", device, e.getMessage());
            return device.ordinal();
        }
    }

    private static DeviceMemory allocate(CudaDevice device, long bytes) {
        try {
            return device.allocate(bytes);
        } catch (CudaException e) {
            throw new LmcacheException(
                    ErrorCode.START_FAILED,
                    "The buffer of " + bytes + " bytes on " + device + " could not be allocated"
                            + (e.isOutOfMemory() ? ", which has " + free(device) + " bytes free" : "") + ": "
                            + e.getMessage()
                            + "; lower cufile_buffer_size, or leave the device more memory by lowering"
                            + " the engine's share",
                    e);
        }
    }

    private static String free(CudaDevice device) {
        try {
            return Long.toString(device.memoryInfo().freeBytes());
        } catch (CudaException e) {
            return "an unknown number of";
        }
    }

    private static StagingPool newStagings(CudaDevice device, GdsSettings settings) {
        int threads = settings.files().ioThreads() + settings.writeThreads();
        try {
            return StagingPool.create(device, threads, settings.useCufile() != CufileUse.FALSE);
        } catch (IOException e) {
            throw new LmcacheException(
                    ErrorCode.START_FAILED,
                    "Staging memory for " + threads + " threads could not be page-locked: " + e.getMessage()
                            + "; lower disk_io_threads, or raise the limit of locked memory (ulimit -l)",
                    e);
        }
    }

    private static Optional<CufileIo> openCufile(GdsSettings settings, CudaDevice device, DeviceMemory buffer) {
        if (settings.useCufile() == CufileUse.FALSE) {
            return Optional.empty();
        }
        try {
            return Optional.of(CufileIo.open(device, buffer.buffer(), settings.cufileLibrary()));
        } catch (IOException e) {
            requireOptional(settings.useCufile(), e);
            LOG.warn("libcufile is not used ({}); {}", e.getMessage(), FALLBACK);
            return Optional.empty();
        }
    }

    private static void requireOptional(CufileUse useCufile, IOException failure) {
        if (useCufile == CufileUse.TRUE) {
            throw new LmcacheException(
                    ErrorCode.START_FAILED,
                    "use_cufile is true, but libcufile does not work: " + failure.getMessage()
                            + "; remove the cause, or set use_cufile to auto",
                    failure);
        }
    }

    SlabAllocator allocator() {
        return allocator;
    }

    /** Probes each root, and chooses its path to device memory. */
    IoPaths paths(int device, List<Path> roots, boolean isDirectIo, Counters counters) {
        Map<Path, IoPath> pathOfRoot = new HashMap<>();
        for (Path root : roots) {
            pathOfRoot.put(root, cufile.map(io -> probe(io, root)).orElse(IoPath.STAGED));
        }
        return new IoPaths(device, stagings, cufile, isDirectIo, pathOfRoot, counters);
    }

    private IoPath probe(CufileIo io, Path root) {
        try (BufferLease region = allocator.tryAllocate(CufileIo.PROBE_BYTES).orElseThrow()) {
            IoPath path = io.probe(root, region);
            LOG.info("GPU memory and {}: path {}", root, path);
            return path;
        } catch (IOException e) {
            requireOptional(useCufile, e);
            LOG.warn("libcufile is not used in {} ({}); {}", root, e.getMessage(), FALLBACK);
            return IoPath.STAGED;
        }
    }

    /** The number of the device in this machine; see {@link CudaDevice#number}. */
    int deviceNumber() {
        return deviceNumber;
    }

    /** The bytes of host memory that are page-locked for the tiers above. */
    long lockedHostBytes() {
        return hostLocks.lockedBytes();
    }

    /** Unlocks the memory of the tiers above. Idempotent. */
    void unlockHostMemory() {
        try {
            hostLocks.close();
        } catch (IOException e) {
            LOG.warn("Host memory could not be unlocked", e);
        }
    }

    /** The page-locked memory through which bytes go that libcufile does not carry. */
    long stagingBytes() {
        return stagings.bytes();
    }

    /** {@link StagingPool#awaitArrivals}. */
    boolean awaitArrivals(long deadlineNanos) {
        return stagings.awaitArrivals(deadlineNanos);
    }

    /**
     * Frees everything. No thread may be at work any more. Idempotent.
     *
     * @throws LmcacheException with {@link ErrorCode#LEAK} when chunks are leased; their memory stays, until a later close
     */
    @Override
    public void close() {
        closeAll(users);
        allocator.close();
        closeAll(memory);
    }

    private static void closeAll(ResourceStack... stacks) {
        for (ResourceStack stack : stacks) {
            try {
                stack.close();
            } catch (IOException e) {
                LOG.warn("GPU memory or what is registered on it could not be freed", e);
            }
        }
    }
}
