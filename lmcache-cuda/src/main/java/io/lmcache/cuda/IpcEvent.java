package io.lmcache.cuda;

import static io.lmcache.cuda.CudaException.check;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.io.Closeable;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.atomic.AtomicBoolean;
import jcuda.NativePointerObject;
import jcuda.driver.CUstream;

/**
 * An event of another process on the same device: its owner marks in a stream of its own what streams here then wait for,
 * so that neither process waits on the host. Thread-safe.
 */
public final class IpcEvent implements Closeable {
    /** The bytes of a {@code CUipcEventHandle}. */
    public static final int HANDLE_BYTES = 64;

    private final CudaDevice device;
    private final long event;
    private final AtomicBoolean closed = new AtomicBoolean();

    private IpcEvent(CudaDevice device, long event) {
        this.device = device;
        this.event = event;
    }

    /** The calls that jcuda cannot make: it sets neither the bytes of a handle nor the address of an event. */
    private static final class Calls {
        /** {@code CUipcEventHandle}, passed by value. */
        private static final StructLayout HANDLE = MemoryLayout.structLayout(
                MemoryLayout.sequenceLayout(HANDLE_BYTES / Long.BYTES, ValueLayout.JAVA_LONG));

        private static final MethodHandle OPEN = function(
                "cuIpcOpenEventHandle", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, HANDLE));
        private static final MethodHandle WAIT = function(
                "cuStreamWaitEvent",
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));
        private static final MethodHandle DESTROY =
                function("cuEventDestroy_v2", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));

        // Restricted: native access is what this class is for.
        @SuppressWarnings("restricted")
        private static MethodHandle function(String name, FunctionDescriptor descriptor) {
            return Linker.nativeLinker()
                    .downcallHandle(
                            SymbolLookup.libraryLookup(CudaDriver.LIBRARY, Arena.global())
                                    .findOrThrow(name),
                            descriptor);
        }

        private interface Call {
            int run() throws Throwable;
        }

        /** The result code. */
        private static int invoke(Call call) {
            try {
                return call.run();
            } catch (Throwable e) {
                throw new IllegalStateException("A call of the CUDA driver does not fit its descriptor", e);
            }
        }
    }

    /** jcuda shows the address of a stream to subclasses only. */
    private static final class Address extends NativePointerObject {
        private Address(CUstream stream) {
            super(stream);
        }

        private long value() {
            return getNativePointer();
        }
    }

    /**
     * Opens an event; the caller closes it.
     *
     * @param handle what {@code cuIpcGetEventHandle} gave its owner, {@link #HANDLE_BYTES} bytes
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when the handle has another length
     */
    static IpcEvent open(CudaDevice device, byte[] handle) throws CudaException {
        if (handle.length != HANDLE_BYTES) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "A handle of an event has " + HANDLE_BYTES + " bytes, not " + handle.length);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment event = arena.allocate(ValueLayout.JAVA_LONG);
            MemorySegment struct = arena.allocate(Calls.HANDLE);
            MemorySegment.copy(handle, 0, struct, ValueLayout.JAVA_BYTE, 0, HANDLE_BYTES);
            device.call("cuIpcOpenEventHandle", () -> Calls.invoke(() -> (int) Calls.OPEN.invokeExact(event, struct)));
            return new IpcEvent(device, event.get(ValueLayout.JAVA_LONG, 0));
        }
    }

    /**
     * Keeps what is queued in the stream from here on back until the owner's stream is past the last mark that it has set
     * by now; not at all when it has set none.
     */
    public void holdBack(CudaStream stream) throws CudaException {
        long address = new Address(stream.handle()).value();
        device.call("cuStreamWaitEvent", () -> Calls.invoke(() -> (int) Calls.WAIT.invokeExact(address, event, 0)));
    }

    @Override
    public void close() throws CudaException {
        if (closed.compareAndSet(false, true)) {
            device.<CudaException>withContext(() ->
                    check("cuEventDestroy", Calls.invoke(() -> (int) Calls.DESTROY.invokeExact(event))));
        }
    }

    @Override
    public String toString() {
        return "IpcEvent[" + device + "]";
    }
}
