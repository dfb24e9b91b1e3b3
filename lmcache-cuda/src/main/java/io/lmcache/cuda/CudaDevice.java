package io.lmcache.cuda;

import static io.lmcache.cuda.CudaException.check;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.DeviceBuffer;
import java.io.Closeable;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUuuid;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * One GPU, by its primary context: the one that CUDA's runtime, and so an engine in the same process, uses too.
 *
 * <p>Thread-safe. A CUDA call works on the context that is current on its thread. Methods of this class make theirs
 * current for the call; threads that use streams and events call {@link #makeCurrent()} once. Close what was made from
 * a device before the device.
 */
public final class CudaDevice implements Closeable {
    // "0000:18:00.0" and a zero, with room for a longer domain.
    private static final int PCI_ADDRESS_BYTES = 20;

    private final int ordinal;
    private final CUdevice device;
    private final CUcontext context;
    private final String name;
    private final AtomicBoolean closed = new AtomicBoolean();

    private CudaDevice(int ordinal, CUdevice device, CUcontext context, String name) {
        this.ordinal = ordinal;
        this.device = device;
        this.context = context;
        this.name = name;
    }

    /**
     * The device of that ordinal.
     *
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when there is none that works
     */
    public static CudaDevice open(int ordinal) {
        switch (CudaDriver.availability()) {
            case CudaAvailability.Unavailable(String reason, String remedy) ->
                throw noDevice(reason + "; " + remedy, null);
            case CudaAvailability.Available(int devices, int _) -> requireOrdinal(ordinal, devices);
        }
        try {
            return retain(ordinal);
        } catch (CudaException e) {
            throw noDevice(
                    "device " + ordinal + " does not answer: " + e.getMessage() + "; check it with nvidia-smi", e);
        }
    }

    private static void requireOrdinal(int ordinal, int devices) {
        if (ordinal >= devices) {
            throw noDevice(
                    "device " + ordinal + " was asked for, but this process sees " + devices
                            + "; check the device ordinal and CUDA_VISIBLE_DEVICES",
                    null);
        }
    }

    private static LmcacheException noDevice(String reason, @Nullable CudaException cause) {
        return new LmcacheException(ErrorCode.START_FAILED, "no CUDA device: " + reason, cause);
    }

    private static CudaDevice retain(int ordinal) throws CudaException {
        CUdevice device = new CUdevice();
        check("cuDeviceGet of device " + ordinal, JCudaDriver.cuDeviceGet(device, ordinal));
        byte[] name = new byte[256];
        check("cuDeviceGetName of device " + ordinal, JCudaDriver.cuDeviceGetName(name, name.length, device));
        CUcontext context = new CUcontext();
        check("cuDevicePrimaryCtxRetain of device " + ordinal, JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
        return new CudaDevice(ordinal, device, context, text(name));
    }

    private static String text(byte[] zeroTerminated) {
        int length = 0;
        while (length < zeroTerminated.length && zeroTerminated[length] != 0) {
            length++;
        }
        return new String(Arrays.copyOf(zeroTerminated, length), StandardCharsets.UTF_8);
    }

    /** The CUDA ordinal, as this process counts its devices. */
    public int ordinal() {
        return ordinal;
    }

    /**
     * The number of the GPU in this machine, in the order of the PCI bus: the same in every process, whichever devices it
     * is shown; the ordinal where the machine does not tell.
     */
    public int number() throws CudaException {
        return PciOrder.numberOf(pciAddress(), PciOrder.DEVICES).orElse(ordinal);
    }

    /** Where the GPU is on the PCI bus, as Linux writes it: {@code 0000:18:00.0}. */
    public String pciAddress() throws CudaException {
        String[] address = new String[1];
        check(
                "cuDeviceGetPCIBusId of device " + ordinal,
                JCudaDriver.cuDeviceGetPCIBusId(address, PCI_ADDRESS_BYTES, device));
        return address[0].toLowerCase(Locale.ROOT);
    }

    /** The product name. */
    public String name() {
        return name;
    }

    /** Makes the context current on this thread for good; for threads that do nothing but work for this device. */
    public void makeCurrent() throws CudaException {
        check("cuCtxSetCurrent", JCudaDriver.cuCtxSetCurrent(context));
    }

    /** How much memory the device has, and how much of it is free. */
    public DeviceMemoryInfo memoryInfo() throws CudaException {
        long[] free = new long[1];
        long[] total = new long[1];
        call("cuMemGetInfo", () -> JCudaDriver.cuMemGetInfo(free, total));
        return new DeviceMemoryInfo(free[0], total[0]);
    }

    /** New device memory that starts at a multiple of 4096; the caller owns it and closes it. */
    public DeviceMemory allocate(long bytes) throws CudaException {
        return DeviceMemory.allocate(this, bytes);
    }

    /**
     * Page-locks host memory, so that copies run at the speed of the bus and beside the CPU. The caller owns the lock and
     * closes it before the memory goes.
     */
    public PageLock pageLock(MemorySegment memory) throws CudaException {
        return PageLock.lock(this, memory);
    }

    /** A new stream, unordered with all others; the caller owns it and closes it. */
    public CudaStream newStream() throws CudaException {
        return CudaStream.create(this);
    }

    /** A new event, not recorded yet; the caller owns it and closes it. */
    public CudaEvent newEvent() throws CudaException {
        return CudaEvent.create(this);
    }

    /** Copies host memory to device memory of the same length; returns when the bytes are there. */
    public void copyToDevice(MemorySegment source, DeviceBuffer target) throws CudaException {
        call(
                "cuMemcpyHtoD of " + source.byteSize() + " bytes",
                () -> JCudaDriver.cuMemcpyHtoD(Pointers.of(target), Pointers.of(source), source.byteSize()));
    }

    /** Copies device memory to host memory of the same length; returns when the bytes are there. */
    public void copyToHost(DeviceBuffer source, MemorySegment target) throws CudaException {
        call(
                "cuMemcpyDtoH of " + source.byteSize() + " bytes",
                () -> JCudaDriver.cuMemcpyDtoH(Pointers.of(target), Pointers.of(source), source.byteSize()));
    }

    /** Maps an allocation that another process exported by CUDA IPC; the caller closes it. */
    public IpcMemory openIpc(byte[] handle) throws CudaException {
        return IpcMemory.open(this, handle);
    }

    /** Opens an event that another process exported by CUDA IPC; the caller closes it. */
    public IpcEvent openIpcEvent(byte[] handle) throws CudaException {
        return IpcEvent.open(this, handle);
    }

    /** The identity of the GPU, 16 bytes: the same in every process, whatever ordinal it has there. */
    public byte[] uuid() throws CudaException {
        CUuuid uuid = new CUuuid();
        check("cuDeviceGetUuid of device " + ordinal, JCudaDriver.cuDeviceGetUuid(uuid, device));
        return uuid.bytes.clone();
    }

    /** What is done with a device's context. */
    @FunctionalInterface
    public interface ContextAction<E extends Exception> {
        /** Does it. */
        void run() throws E;
    }

    /** Does something with this device's context current, and leaves the thread with the context that it had. */
    public <E extends Exception> void withContext(ContextAction<E> action) throws E, CudaException {
        check("cuCtxPushCurrent", JCudaDriver.cuCtxPushCurrent(context));
        try {
            action.run();
        } finally {
            JCudaDriver.cuCtxPopCurrent(new CUcontext());
        }
    }

    /** A driver call without arguments. */
    @FunctionalInterface
    interface DriverCall {
        int invoke();
    }

    /** Makes a driver call with this device's context. */
    void call(String operation, DriverCall call) throws CudaException {
        this.<CudaException>withContext(() -> check(operation, call.invoke()));
    }

    /** Lets go of the primary context, which ends with its last user. Idempotent. */
    @Override
    public void close() throws CudaException {
        if (closed.compareAndSet(false, true)) {
            check("cuDevicePrimaryCtxRelease of device " + ordinal, JCudaDriver.cuDevicePrimaryCtxRelease(device));
        }
    }

    @Override
    public String toString() {
        return "device " + ordinal + " (" + name + ")";
    }
}
