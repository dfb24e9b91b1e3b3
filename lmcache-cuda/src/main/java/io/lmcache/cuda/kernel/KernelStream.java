package io.lmcache.cuda.kernel;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.cuda.IpcEvent;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * A CUDA stream, as the kernels need it: everything queued runs in order, beside the CPU.
 *
 * <p>For one thread at a time. Memory handed to a copy or used by a kernel stays as it is until {@link #synchronize()}.
 */
public interface KernelStream {
    /** The CUDA ordinal of the stream's device. */
    int ordinal();

    /**
     * Queues a kernel.
     *
     * @param kernel its name
     * @param grid how many thread blocks
     * @param parameter its one parameter, a struct; read before this returns
     */
    void launch(String kernel, Grid grid, MemorySegment parameter) throws IOException;

    /** Queues a copy of host memory to device memory of the same length. */
    void copyToDevice(MemorySegment source, DeviceBuffer target) throws IOException;

    /** Queues a copy of device memory to host memory of the same length. */
    void copyToHost(DeviceBuffer source, MemorySegment target) throws IOException;

    /** Queues a copy of device memory to device memory of the same length. */
    void copy(DeviceBuffer source, DeviceBuffer target) throws IOException;

    /** Waits until everything queued so far is done. */
    void synchronize() throws IOException;

    /** A place in a stream that others can wait for. */
    interface Event extends Closeable {
        /** Waits until the stream is past the event; not at all when it was never recorded. */
        void await() throws IOException;
    }

    /** An event for streams of this device, not recorded yet; the caller owns it and closes it. */
    Event newEvent() throws IOException;

    /** Records the event at the end of what is queued now, in place of where it was. */
    void record(Event event) throws IOException;

    /** Keeps what is queued from here on back until the event's stream is past it. */
    void waitFor(Event event) throws IOException;

    /** Keeps what is queued from here on back until another process' stream is past the mark that it has set there. */
    void waitFor(IpcEvent event) throws IOException;

    /** A further stream of this device, unordered with this one; the caller owns it and closes it. */
    Owned newStream() throws IOException;

    /** A stream that is closed by whoever made it. */
    interface Owned extends KernelStream, Closeable {}
}
