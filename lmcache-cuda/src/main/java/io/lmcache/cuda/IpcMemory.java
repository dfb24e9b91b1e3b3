package io.lmcache.cuda;

import static io.lmcache.cuda.CudaException.check;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.DeviceBuffer;
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
import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;

/**
 * An allocation of another process on the same device, mapped into this one until {@link #close()}. The memory lives on
 * as long as it is mapped here, also when its owner ends. Thread-safe.
 */
public final class IpcMemory implements Closeable {
    /** The bytes of a {@code CUipcMemHandle}. */
    public static final int HANDLE_BYTES = 64;

    private static final int LAZY_ENABLE_PEER_ACCESS = 1;

    private final CudaDevice device;
    private final DeviceBuffer buffer;
    private final AtomicBoolean closed = new AtomicBoolean();

    private IpcMemory(CudaDevice device, DeviceBuffer buffer) {
        this.device = device;
        this.buffer = buffer;
    }

    /** The call that jcuda cannot make: it has no way to set the bytes of a handle. */
    private static final class OpenCall {
        /** {@code CUipcMemHandle}, passed by value. */
        private static final StructLayout HANDLE = MemoryLayout.structLayout(
                MemoryLayout.sequenceLayout(HANDLE_BYTES / Long.BYTES, ValueLayout.JAVA_LONG));

        private static final MethodHandle FUNCTION = function();

        // Restricted: native access is what this class is for.
        @SuppressWarnings("restricted")
        private static MethodHandle function() {
            return Linker.nativeLinker()
                    .downcallHandle(
                            SymbolLookup.libraryLookup(CudaDriver.LIBRARY, Arena.global())
                                    .findOrThrow("cuIpcOpenMemHandle_v2"),
                            FunctionDescriptor.of(
                                    ValueLayout.JAVA_INT, ValueLayout.ADDRESS, HANDLE, ValueLayout.JAVA_INT));
        }

        /** The result code; on success the address is written. */
        private static int invoke(MemorySegment address, MemorySegment handle) {
            try {
                return (int) FUNCTION.invokeExact(address, handle, LAZY_ENABLE_PEER_ACCESS);
            } catch (Throwable e) {
                throw new IllegalStateException("cuIpcOpenMemHandle: the call does not fit its descriptor", e);
            }
        }
    }

    /**
     * Maps an allocation; the caller closes it.
     *
     * @param handle what {@code cuIpcGetMemHandle} gave its owner, {@link #HANDLE_BYTES} bytes
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when the handle has another length
     */
    static IpcMemory open(CudaDevice device, byte[] handle) throws CudaException {
        if (handle.length != HANDLE_BYTES) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "A handle of CUDA IPC has " + HANDLE_BYTES + " bytes, not " + handle.length);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = arena.allocate(ValueLayout.JAVA_LONG);
            MemorySegment struct = arena.allocate(OpenCall.HANDLE);
            MemorySegment.copy(handle, 0, struct, ValueLayout.JAVA_BYTE, 0, HANDLE_BYTES);
            device.call("cuIpcOpenMemHandle", () -> OpenCall.invoke(address, struct));
            return measured(device, address.get(ValueLayout.JAVA_LONG, 0));
        }
    }

    /** The driver knows how long the allocation is: what its owner says is not taken on trust. */
    private static IpcMemory measured(CudaDevice device, long address) throws CudaException {
        long[] bytes = new long[1];
        CUdeviceptr pointer = new CUdeviceptr().withByteOffset(address);
        try {
            device.call(
                    "cuMemGetAddressRange", () -> JCudaDriver.cuMemGetAddressRange(new CUdeviceptr(), bytes, pointer));
        } catch (CudaException e) {
            device.withContext(() -> unmap(address));
            throw e;
        }
        return new IpcMemory(device, new DeviceBuffer(address, bytes[0], device.ordinal()));
    }

    private static void unmap(long address) throws CudaException {
        check("cuIpcCloseMemHandle", JCudaDriver.cuIpcCloseMemHandle(new CUdeviceptr().withByteOffset(address)));
    }

    /** The whole allocation. */
    public DeviceBuffer buffer() {
        return buffer;
    }

    /** Ends the mapping. Nothing queued on the device may use it any more. Idempotent. */
    @Override
    public void close() throws CudaException {
        if (closed.compareAndSet(false, true)) {
            device.withContext(() -> unmap(buffer.address()));
        }
    }

    @Override
    public String toString() {
        return "IpcMemory[" + buffer + "]";
    }
}
