package io.lmcache.cuda;

import static io.lmcache.cuda.CudaException.check;

import io.lmcache.api.memory.DeviceBuffer;
import java.io.Closeable;
import java.lang.foreign.MemorySegment;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * A queue of copies that run in order, beside the CPU. Thread-safe, for threads that have made the device's context
 * current.
 *
 * <p>Memory handed to a copy stays untouched until an event recorded after it, or {@link #synchronize()}, is past.
 */
public final class CudaStream implements Closeable {
    private final CudaDevice device;
    private final CUstream stream;

    private CudaStream(CudaDevice device, CUstream stream) {
        this.device = device;
        this.stream = stream;
    }

    static CudaStream create(CudaDevice device) throws CudaException {
        CUstream stream = new CUstream();
        device.call("cuStreamCreate", () -> JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
        return new CudaStream(device, stream);
    }

    /** Queues a copy of page-locked host memory to device memory of the same length. */
    public void copyToDevice(MemorySegment source, DeviceBuffer target) throws CudaException {
        check(
                "cuMemcpyHtoDAsync of " + source.byteSize() + " bytes",
                JCudaDriver.cuMemcpyHtoDAsync(Pointers.of(target), Pointers.of(source), source.byteSize(), stream));
    }

    /** Queues a copy of device memory to page-locked host memory of the same length. */
    public void copyToHost(DeviceBuffer source, MemorySegment target) throws CudaException {
        check(
                "cuMemcpyDtoHAsync of " + source.byteSize() + " bytes",
                JCudaDriver.cuMemcpyDtoHAsync(Pointers.of(target), Pointers.of(source), source.byteSize(), stream));
    }

    /** The stream as jcuda knows it, for kernel launches. */
    public CUstream handle() {
        return stream;
    }

    /** Waits until everything queued so far is done. */
    public void synchronize() throws CudaException {
        check("cuStreamSynchronize", JCudaDriver.cuStreamSynchronize(stream));
    }

    /** Ends the stream when everything queued is done. */
    @Override
    public void close() throws CudaException {
        device.call("cuStreamDestroy", () -> JCudaDriver.cuStreamDestroy(stream));
    }
}
