package io.lmcache.backend.gds.cufile;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.cuda.CudaDevice;
import java.io.Closeable;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicBoolean;

/** Device memory registered with libcufile, until {@link #close()}. Thread-safe. */
public final class RegisteredBuffer implements Closeable {
    private final CufileLibrary library;
    private final CudaDevice device;
    private final DeviceBuffer buffer;
    private final AtomicBoolean closed = new AtomicBoolean();

    private RegisteredBuffer(CufileLibrary library, CudaDevice device, DeviceBuffer buffer) {
        this.library = library;
        this.device = device;
        this.buffer = buffer;
    }

    static RegisteredBuffer register(CufileLibrary library, CudaDevice device, DeviceBuffer buffer) throws IOException {
        device.withContext(() -> library.registerBuffer(buffer.address(), buffer.byteSize()));
        return new RegisteredBuffer(library, device, buffer);
    }

    /** Whether a region lies within the registration. */
    public boolean contains(DeviceBuffer region) {
        return region.ordinal() == buffer.ordinal()
                && region.address() >= buffer.address()
                && region.address() + region.byteSize() <= buffer.address() + buffer.byteSize();
    }

    /** Where the registration starts. */
    long base() {
        return buffer.address();
    }

    /** Where a region within the registration starts, from {@link #base()}. */
    long offsetOf(DeviceBuffer region) {
        return region.address() - buffer.address();
    }

    /** Ends the registration. Idempotent. */
    @Override
    public void close() throws IOException {
        if (closed.compareAndSet(false, true)) {
            device.withContext(() -> library.deregisterBuffer(buffer.address()));
        }
    }
}
