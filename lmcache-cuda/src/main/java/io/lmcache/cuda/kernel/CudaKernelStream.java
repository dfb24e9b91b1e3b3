package io.lmcache.cuda.kernel;

import static io.lmcache.cuda.CudaException.check;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.CudaEvent;
import io.lmcache.cuda.CudaException;
import io.lmcache.cuda.HostPageLocks;
import io.lmcache.cuda.IpcEvent;
import io.lmcache.cuda.Pointers;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/**
 * A kernel stream that is a CUDA stream. Every call makes the device's context current for itself, because it comes from
 * threads of the engine, which may work for other devices too.
 */
final class CudaKernelStream implements KernelStream.Owned {
    private final CudaDevice device;
    private final Map<String, CUfunction> functions;
    private final CUstream stream;

    CudaKernelStream(CudaDevice device, Map<String, CUfunction> functions, CUstream stream) {
        this.device = device;
        this.functions = functions;
        this.stream = stream;
    }

    @Override
    public int ordinal() {
        return device.ordinal();
    }

    @Override
    public void launch(String kernel, Grid grid, MemorySegment parameter) throws CudaException {
        CUfunction function = functions.get(kernel);
        if (function == null) {
            throw new LmcacheException(ErrorCode.INVALID_ARGUMENT, "There is no kernel '" + kernel + "'");
        }
        Pointer parameters = Pointer.to(Pointers.of(parameter));
        device.<CudaException>withContext(() -> check(
                "cuLaunchKernel of " + kernel,
                JCudaDriver.cuLaunchKernel(
                        function, grid.x(), grid.y(), grid.z(), Grid.THREADS, 1, 1, 0, stream, parameters, null)));
    }

    @Override
    public void copyToDevice(MemorySegment source, DeviceBuffer target) throws CudaException {
        device.<CudaException>withContext(() -> inPieces(
                source,
                (offset, bytes) -> check(
                        "cuMemcpyHtoDAsync of " + bytes + " bytes",
                        JCudaDriver.cuMemcpyHtoDAsync(
                                Pointers.of(target.slice(offset, bytes)),
                                Pointers.of(source.asSlice(offset, bytes)),
                                bytes,
                                stream))));
    }

    @Override
    public void copyToHost(DeviceBuffer source, MemorySegment target) throws CudaException {
        device.<CudaException>withContext(() -> inPieces(
                target,
                (offset, bytes) -> check(
                        "cuMemcpyDtoHAsync of " + bytes + " bytes",
                        JCudaDriver.cuMemcpyDtoHAsync(
                                Pointers.of(target.asSlice(offset, bytes)),
                                Pointers.of(source.slice(offset, bytes)),
                                bytes,
                                stream))));
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

    @Override
    public void copy(DeviceBuffer source, DeviceBuffer target) throws CudaException {
        device.<CudaException>withContext(() -> check(
                "cuMemcpyDtoDAsync of " + source.byteSize() + " bytes",
                JCudaDriver.cuMemcpyDtoDAsync(Pointers.of(target), Pointers.of(source), source.byteSize(), stream)));
    }

    @Override
    public void synchronize() throws CudaException {
        device.<CudaException>withContext(() -> check("cuStreamSynchronize", JCudaDriver.cuStreamSynchronize(stream)));
    }

    /** An event, for threads that have not made the device's context current. */
    private record EventMark(CudaDevice device, CudaEvent event) implements Mark {
        @Override
        public void await() throws CudaException {
            device.<CudaException>withContext(event::await);
        }

        @Override
        public void close() throws CudaException {
            event.close();
        }
    }

    @Override
    public Mark newMark() throws CudaException {
        return new EventMark(device, device.newEvent());
    }

    @Override
    public void set(Mark mark) throws CudaException {
        device.<CudaException>withContext(() -> event(mark).record(stream));
    }

    @Override
    public void waitFor(Mark mark) throws CudaException {
        device.<CudaException>withContext(() -> event(mark).holdBack(stream));
    }

    @Override
    public void waitFor(IpcEvent event) throws CudaException {
        event.holdBack(stream);
    }

    private static CudaEvent event(Mark mark) {
        return ((EventMark) mark).event;
    }

    @Override
    public Owned newStream() throws CudaException {
        return new CudaKernelStream(device, functions, device.newStream().handle());
    }

    /** Only for streams that {@link #newStream} has made. */
    @Override
    public void close() throws CudaException {
        device.<CudaException>withContext(() -> check("cuStreamDestroy", JCudaDriver.cuStreamDestroy(stream)));
    }
}
