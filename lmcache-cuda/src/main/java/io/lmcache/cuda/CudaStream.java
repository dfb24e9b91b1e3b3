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

    /** A stream that somebody else made, and destroys. This object is not closed. */
    public static CudaStream of(CudaDevice device, CUstream stream) {
        return new CudaStream(device, stream);
    }

    /** The stream's device. */
    public CudaDevice device() {
        return device;
    }

    /** Queues a copy of page-locked host memory to device memory of the same length. */
    public void copyToDevice(MemorySegment source, DeviceBuffer target) throws CudaException {
        inPieces(
                source,
                (offset, bytes) -> check(
                        "cuMemcpyHtoDAsync of " + bytes + " bytes",
                        JCudaDriver.cuMemcpyHtoDAsync(
                                Pointers.of(target.slice(offset, bytes)),
                                Pointers.of(source.asSlice(offset, bytes)),
                                bytes,
                                stream)));
    }

    /** Queues a copy of device memory to page-locked host memory of the same length. */
    public void copyToHost(DeviceBuffer source, MemorySegment target) throws CudaException {
        inPieces(
                target,
                (offset, bytes) -> check(
                        "cuMemcpyDtoHAsync of " + bytes + " bytes",
                        JCudaDriver.cuMemcpyDtoHAsync(
                                Pointers.of(target.asSlice(offset, bytes)),
                                Pointers.of(source.slice(offset, bytes)),
                                bytes,
                                stream)));
    }

    private interface PieceCopy {
        void queue(long offset, long bytes) throws CudaException;
    }

    /** Cuts where one page lock may end and another begin. */
    private static void inPieces(MemorySegment host, PieceCopy copy) throws CudaException {
        for (long offset = 0; offset < host.byteSize(); ) {
            long bytes = HostPageLocks.bytesOfOnePiece(host.address() + offset, host.byteSize() - offset);
            copy.queue(offset, bytes);
            offset += bytes;
        }
    }

    /** Queues a copy of device memory to device memory of the same length. */
    public void copy(DeviceBuffer source, DeviceBuffer target) throws CudaException {
        check(
                "cuMemcpyDtoDAsync of " + source.byteSize() + " bytes",
                JCudaDriver.cuMemcpyDtoDAsync(Pointers.of(target), Pointers.of(source), source.byteSize(), stream));
    }

    /** Keeps what is queued from here on back until the event's stream is past it; not at all when none was recorded. */
    public void waitFor(CudaEvent event) throws CudaException {
        check("cuStreamWaitEvent", JCudaDriver.cuStreamWaitEvent(stream, event.handle(), 0));
    }

    /** The stream as jcuda knows it, for kernel launches. */
    public CUstream handle() {
        return stream;
    }

    /** Waits until everything queued so far is done. */
    public void synchronize() throws CudaException {
        check("cuStreamSynchronize", JCudaDriver.cuStreamSynchronize(stream));
    }

    /** Ends a stream that {@link CudaDevice#newStream} made, when everything queued is done. */
    @Override
    public void close() throws CudaException {
        device.call("cuStreamDestroy", () -> JCudaDriver.cuStreamDestroy(stream));
    }

    @Override
    public String toString() {
        return "CudaStream[" + device + "]";
    }
}
