package io.lmcache.server;

import com.google.protobuf.ByteString;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.cuda.CudaAvailability;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.CudaDriver;
import io.lmcache.cuda.HostPageLocks;
import io.lmcache.cuda.ResourceStack;
import io.lmcache.cuda.kernel.CudaKernels;
import io.lmcache.server.protocol.Reason;
import java.io.IOException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The GPUs whose memory engines have registered, each opened when the first one does. Thread-safe. */
final class Gpus implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Gpus.class);

    // Guarded by this. The resources are the devices and, above them, the kernels.
    private final Map<ByteString, Gpu> opened = new HashMap<>();
    private final ResourceStack resources = new ResourceStack();
    private final List<HostBuffer> hostMemory;
    private volatile @Nullable HostPageLocks locks;

    /**
     * None yet.
     *
     * @param hostMemory where chunks come from and go to
     */
    Gpus(List<HostBuffer> hostMemory) {
        this.hostMemory = hostMemory;
    }

    /** A device with the kernels that gather and scatter. */
    record Gpu(CudaDevice device, CudaKernels kernels) {}

    /** The GPU of that UUID; it stays open until {@link #close()}. */
    synchronized Gpu gpu(ByteString uuid) {
        Gpu gpu = opened.get(uuid);
        if (gpu != null) {
            return gpu;
        }
        try {
            gpu = open(uuid);
        } catch (IOException e) {
            throw new Refusal(Reason.NO_DEVICE, "GPU " + text(uuid) + " cannot be used: " + e.getMessage());
        }
        opened.put(uuid, gpu);
        return gpu;
    }

    /**
     * Begins to page-lock the host memory, for all devices and in the background, unless that was begun before. To be called
     * when an engine's memory is mapped: the driver does one thing at a time, and the engine had better not wait for this.
     */
    synchronized void lockHostMemory(Gpu gpu) {
        if (locks == null) {
            locks = resources.add(HostPageLocks.start(gpu.device(), hostMemory));
        }
    }

    private Gpu open(ByteString uuid) throws IOException {
        CudaDevice device = find(uuid);
        try {
            CudaKernels kernels = CudaKernels.load(device);
            resources.add(device);
            resources.add(kernels::close);
            return new Gpu(device, kernels);
        } catch (IOException | RuntimeException e) {
            device.close();
            throw e;
        }
    }

    /** The bytes of the host memory that are page-locked by now. */
    long lockedHostBytes() {
        HostPageLocks started = locks;
        return started == null ? 0 : started.lockedBytes();
    }

    private static CudaDevice find(ByteString uuid) throws IOException {
        int count = count();
        for (int ordinal = 0; ordinal < count; ordinal++) {
            CudaDevice device = CudaDevice.open(ordinal);
            if (ByteString.copyFrom(device.uuid()).equals(uuid)) {
                return device;
            }
            device.close();
        }
        throw new Refusal(
                Reason.NO_DEVICE,
                "This server sees no GPU " + text(uuid)
                        + "; show it the GPUs of its engines (CUDA_VISIBLE_DEVICES, or the container's devices)");
    }

    private static int count() {
        return switch (CudaDriver.availability()) {
            case CudaAvailability.Available(int devices, int _) -> devices;
            case CudaAvailability.Unavailable(String reason, String remedy) ->
                throw new Refusal(Reason.NO_DEVICE, "This server can use no GPU: " + reason + "; " + remedy);
        };
    }

    private static String text(ByteString uuid) {
        return HexFormat.of().formatHex(uuid.toByteArray());
    }

    /** Lets go of the devices, when no memory of engines is mapped any more. */
    @Override
    public synchronized void close() {
        try {
            resources.close();
        } catch (IOException e) {
            LOG.warn("A GPU was not let go cleanly", e);
        }
    }
}
