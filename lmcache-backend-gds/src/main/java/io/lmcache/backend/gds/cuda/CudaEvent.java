package io.lmcache.backend.gds.cuda;

import static io.lmcache.backend.gds.cuda.CudaException.check;

import java.io.Closeable;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.JCudaDriver;

/** A mark in a stream that a thread can wait for. For one thread, which has made the device's context current. */
public final class CudaEvent implements Closeable {
    // The waiting thread sleeps: spinning, CUDA's default, would take the cores from threads that read files.
    private static final int FLAGS = CUevent_flags.CU_EVENT_BLOCKING_SYNC | CUevent_flags.CU_EVENT_DISABLE_TIMING;

    private final CudaDevice device;
    private final CUevent event;

    private CudaEvent(CudaDevice device, CUevent event) {
        this.device = device;
        this.event = event;
    }

    static CudaEvent create(CudaDevice device) throws CudaException {
        CUevent event = new CUevent();
        device.call("cuEventCreate", () -> JCudaDriver.cuEventCreate(event, FLAGS));
        return new CudaEvent(device, event);
    }

    /** Marks the end of what is queued in the stream now, in place of the mark before. */
    public void record(CudaStream stream) throws CudaException {
        check("cuEventRecord", JCudaDriver.cuEventRecord(event, stream.handle()));
    }

    /** Waits until the stream is past the mark; returns at once when none was ever set. */
    public void await() throws CudaException {
        check("cuEventSynchronize", JCudaDriver.cuEventSynchronize(event));
    }

    @Override
    public void close() throws CudaException {
        device.call("cuEventDestroy", () -> JCudaDriver.cuEventDestroy(event));
    }
}
