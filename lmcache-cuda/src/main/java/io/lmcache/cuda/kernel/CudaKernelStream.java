package io.lmcache.cuda.kernel;

import static io.lmcache.cuda.CudaException.check;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.CudaEvent;
import io.lmcache.cuda.CudaException;
import io.lmcache.cuda.CudaStream;
import io.lmcache.cuda.IpcEvent;
import io.lmcache.cuda.Pointers;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.JCudaDriver;

/**
 * A kernel stream that is a CUDA stream. Every call makes the device's context current for itself, because it comes from
 * threads of the engine, which may work for other devices too.
 */
final class CudaKernelStream implements KernelStream.Owned {
    private final CudaDevice device;
    private final Map<String, CUfunction> functions;
    private final CudaStream stream;

    CudaKernelStream(Map<String, CUfunction> functions, CudaStream stream) {
        this.device = stream.device();
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
                        function,
                        grid.x(),
                        grid.y(),
                        grid.z(),
                        Grid.THREADS,
                        1,
                        1,
                        0,
                        stream.handle(),
                        parameters,
                        null)));
    }

    @Override
    public void copyToDevice(MemorySegment source, DeviceBuffer target) throws CudaException {
        device.<CudaException>withContext(() -> stream.copyToDevice(source, target));
    }

    @Override
    public void copyToHost(DeviceBuffer source, MemorySegment target) throws CudaException {
        device.<CudaException>withContext(() -> stream.copyToHost(source, target));
    }

    @Override
    public void copy(DeviceBuffer source, DeviceBuffer target) throws CudaException {
        device.<CudaException>withContext(() -> stream.copy(source, target));
    }

    @Override
    public void synchronize() throws CudaException {
        device.<CudaException>withContext(stream::synchronize);
    }

    /** An event, for threads that have not made the device's context current. */
    private record KernelEvent(CudaDevice device, CudaEvent event) implements Event {
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
    public Event newEvent() throws CudaException {
        return new KernelEvent(device, device.newEvent());
    }

    @Override
    public void record(Event event) throws CudaException {
        device.<CudaException>withContext(() -> cuda(event).record(stream));
    }

    @Override
    public void waitFor(Event event) throws CudaException {
        device.<CudaException>withContext(() -> stream.waitFor(cuda(event)));
    }

    @Override
    public void waitFor(IpcEvent event) throws CudaException {
        event.holdBack(stream);
    }

    private static CudaEvent cuda(Event event) {
        return ((KernelEvent) event).event;
    }

    @Override
    public Owned newStream() throws CudaException {
        return new CudaKernelStream(functions, device.newStream());
    }

    /** Only for streams that {@link #newStream} has made. */
    @Override
    public void close() throws CudaException {
        stream.close();
    }
}
