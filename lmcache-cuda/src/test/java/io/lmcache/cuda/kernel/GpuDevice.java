package io.lmcache.cuda.kernel;

import static org.junit.jupiter.api.Assumptions.abort;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.cuda.CudaAvailability;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.CudaDriver;
import io.lmcache.cuda.CudaStream;
import io.lmcache.cuda.DeviceMemory;
import io.lmcache.cuda.PageLock;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** The first GPU of the machine. */
public final class GpuDevice implements TestDevice {
    private final CudaDevice device;
    private final CudaKernels kernels;
    private final CudaStream stream;
    private final KernelStream kernelStream;
    private final List<DeviceMemory> memory = new ArrayList<>();

    private GpuDevice(CudaDevice device) throws IOException {
        this.device = device;
        this.kernels = CudaKernels.load(device);
        this.stream = device.newStream();
        this.kernelStream = kernels.on(stream.handle());
    }

    /** The GPU; skips the test where there is none. */
    public static GpuDevice open() throws IOException {
        return switch (CudaDriver.availability()) {
            case CudaAvailability.Unavailable(String reason, String _) -> abort("no GPU here: " + reason);
            case CudaAvailability.Available _ -> new GpuDevice(CudaDevice.open(0));
        };
    }

    /** The device itself, for what the kernels do not need. */
    public CudaDevice device() {
        return device;
    }

    /** The stream that {@link #stream()} queues on. */
    public CudaStream cudaStream() {
        return stream;
    }

    @Override
    public KernelStream stream() {
        return kernelStream;
    }

    @Override
    public DeviceBuffer allocate(long bytes) throws IOException {
        DeviceMemory allocated = device.allocate(Math.max(1, bytes));
        memory.add(allocated);
        return allocated.buffer().slice(0, bytes);
    }

    @Override
    public HostMemory hostMemory(long bytes) throws IOException {
        HostRegion region = new HostRegion(Math.max(1, bytes));
        PageLock lock = device.pageLock(region.segment());
        return new HostMemory() {
            @Override
            public MemorySegment segment() {
                return region.segment().asSlice(0, bytes);
            }

            @Override
            public void close() throws IOException {
                lock.close();
                region.close();
            }
        };
    }

    @Override
    public void close() throws IOException {
        for (DeviceMemory allocated : memory) {
            allocated.close();
        }
        stream.close();
        kernels.close();
        device.close();
    }
}
