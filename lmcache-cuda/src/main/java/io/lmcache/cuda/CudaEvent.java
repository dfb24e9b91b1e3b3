package io.lmcache.cuda;

import static io.lmcache.cuda.CudaException.check;

import java.io.Closeable;
import java.util.concurrent.locks.LockSupport;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * A place in a stream that threads and other streams can wait for; each thread has made the device's context current.
 *
 * <p>A waiting thread asks, at first without a pause, then with one. CUDA knows two other ways: to spin, which takes the
 * cores from threads that read files, and to have the device interrupt the host at every event whether anybody waits or
 * not, which slows the copies of all threads down.
 */
public final class CudaEvent implements Closeable {
    private static final int FLAGS = CUevent_flags.CU_EVENT_DISABLE_TIMING;
    private static final long SPIN_NANOS = 20_000;
    private static final long PAUSE_NANOS = 20_000;

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

    /** Records the event at the end of what is queued in the stream now, in place of where it was. */
    public void record(CudaStream stream) throws CudaException {
        check("cuEventRecord", JCudaDriver.cuEventRecord(event, stream.handle()));
    }

    CUevent handle() {
        return event;
    }

    /** Waits until the stream is past the event; returns at once when it was never recorded. */
    public void await() throws CudaException {
        long start = System.nanoTime();
        while (!isPast()) {
            if (System.nanoTime() - start < SPIN_NANOS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }

    private boolean isPast() throws CudaException {
        int result = JCudaDriver.cuEventQuery(event);
        if (result == CUresult.CUDA_ERROR_NOT_READY) {
            return false;
        }
        check("cuEventQuery", result);
        return true;
    }

    @Override
    public void close() throws CudaException {
        device.call("cuEventDestroy", () -> JCudaDriver.cuEventDestroy(event));
    }

    @Override
    public String toString() {
        return "CudaEvent[" + device + "]";
    }
}
