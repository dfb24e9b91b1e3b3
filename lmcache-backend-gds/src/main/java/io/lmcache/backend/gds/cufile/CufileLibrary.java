package io.lmcache.backend.gds.cufile;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The functions of one libcufile. Thread-safe. The library stays loaded for the life of the process: it starts threads
 * of its own, under which it must not be unloaded.
 *
 * <p>The batch calls are left out: they pay for requests of 4 to 64 KiB, and chunks are larger.
 */
final class CufileLibrary {
    private static final Linker LINKER = Linker.nativeLinker();

    /** {@code CUfileError_t}, returned by value. */
    private static final StructLayout STATUS =
            MemoryLayout.structLayout(ValueLayout.JAVA_INT.withName("err"), ValueLayout.JAVA_INT.withName("cu_err"));

    /** {@code CUfileDescr_t}. */
    private static final StructLayout DESCRIPTOR = MemoryLayout.structLayout(
            ValueLayout.JAVA_INT.withName("type"),
            MemoryLayout.paddingLayout(4),
            ValueLayout.JAVA_INT.withName("fd"),
            MemoryLayout.paddingLayout(4),
            ValueLayout.ADDRESS.withName("fs_ops"));

    /** The descriptor's type for a POSIX file descriptor. */
    private static final int OPAQUE_FD = 1;

    /** {@code CUfileDrvProps_t} up to what is read here, with room for what newer versions append. */
    private static final StructLayout PROPERTIES = MemoryLayout.structLayout(
            ValueLayout.JAVA_INT.withName("major_version"),
            ValueLayout.JAVA_INT.withName("minor_version"),
            ValueLayout.JAVA_LONG.withName("poll_thresh_size"),
            ValueLayout.JAVA_LONG.withName("max_direct_io_size"),
            ValueLayout.JAVA_INT.withName("dstatusflags"),
            ValueLayout.JAVA_INT.withName("dcontrolflags"),
            ValueLayout.JAVA_INT.withName("fflags"),
            MemoryLayout.paddingLayout(220));

    private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CAPTURE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    private final MethodHandle driverOpen;
    private final MethodHandle driverClose;
    private final MethodHandle driverGetProperties;
    private final MethodHandle getVersion;
    private final MethodHandle bufRegister;
    private final MethodHandle bufDeregister;
    private final MethodHandle handleRegister;
    private final MethodHandle handleDeregister;
    private final MethodHandle read;
    private final MethodHandle write;

    /**
     * Binds the functions of a loaded library.
     *
     * @throws java.util.NoSuchElementException when one is missing
     */
    CufileLibrary(SymbolLookup symbols) {
        driverOpen = status(symbols, "cuFileDriverOpen");
        // The header maps the plain name to this one.
        driverClose = status(symbols, "cuFileDriverClose_v2");
        driverGetProperties = status(symbols, "cuFileDriverGetProperties", ValueLayout.ADDRESS);
        getVersion = status(symbols, "cuFileGetVersion", ValueLayout.ADDRESS);
        bufRegister = status(
                symbols, "cuFileBufRegister", ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT);
        bufDeregister = status(symbols, "cuFileBufDeregister", ValueLayout.JAVA_LONG);
        handleRegister = status(symbols, "cuFileHandleRegister", ValueLayout.ADDRESS, ValueLayout.ADDRESS);
        handleDeregister =
                function(symbols, "cuFileHandleDeregister", FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));
        read = transfer(symbols, "cuFileRead");
        write = transfer(symbols, "cuFileWrite");
    }

    private static MethodHandle status(SymbolLookup symbols, String name, MemoryLayout... arguments) {
        return function(symbols, name, FunctionDescriptor.of(STATUS, arguments));
    }

    /** {@code ssize_t f(CUfileHandle_t, void* base, size_t size, off_t fileOffset, off_t bufferOffset)}. */
    private static MethodHandle transfer(SymbolLookup symbols, String name) {
        return function(
                symbols,
                name,
                FunctionDescriptor.of(
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG),
                Linker.Option.captureCallState("errno"));
    }

    // Restricted: native access is what this class is for.
    @SuppressWarnings("restricted")
    private static MethodHandle function(
            SymbolLookup symbols, String name, FunctionDescriptor descriptor, Linker.Option... options) {
        return LINKER.downcallHandle(symbols.findOrThrow(name), descriptor, options);
    }

    void driverOpen() throws CufileException {
        status("cuFileDriverOpen", arena -> (MemorySegment) driverOpen.invokeExact(arena));
    }

    void driverClose() throws CufileException {
        status("cuFileDriverClose", arena -> (MemorySegment) driverClose.invokeExact(arena));
    }

    /** The version, such as 1150 for 1.15. */
    int version() throws CufileException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment version = arena.allocate(ValueLayout.JAVA_INT);
            status("cuFileGetVersion", status -> (MemorySegment) getVersion.invokeExact(status, version));
            return version.get(ValueLayout.JAVA_INT, 0);
        }
    }

    CufileProperties properties() throws CufileException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment properties = arena.allocate(PROPERTIES);
            status("cuFileDriverGetProperties", status ->
                    (MemorySegment) driverGetProperties.invokeExact(status, properties));
            return new CufileProperties(
                    field(properties, "major_version"), field(properties, "dstatusflags"), field(properties, "fflags"));
        }
    }

    private static int field(MemorySegment properties, String name) {
        return properties.get(ValueLayout.JAVA_INT, PROPERTIES.byteOffset(MemoryLayout.PathElement.groupElement(name)));
    }

    void registerBuffer(long address, long bytes) throws CufileException {
        status("cuFileBufRegister of " + bytes + " bytes", arena ->
                (MemorySegment) bufRegister.invokeExact(arena, address, bytes, 0));
    }

    void deregisterBuffer(long address) throws CufileException {
        status("cuFileBufDeregister", arena -> (MemorySegment) bufDeregister.invokeExact(arena, address));
    }

    /** A handle for the open file descriptor, which stays the caller's. */
    long registerHandle(int descriptor, String file) throws CufileException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment handle = arena.allocate(ValueLayout.JAVA_LONG);
            MemorySegment description = arena.allocate(DESCRIPTOR);
            description.set(ValueLayout.JAVA_INT, 0, OPAQUE_FD);
            description.set(
                    ValueLayout.JAVA_INT,
                    DESCRIPTOR.byteOffset(MemoryLayout.PathElement.groupElement("fd")),
                    descriptor);
            status("cuFileHandleRegister of " + file, status ->
                    (MemorySegment) handleRegister.invokeExact(status, handle, description));
            return handle.get(ValueLayout.JAVA_LONG, 0);
        }
    }

    void deregisterHandle(long handle) {
        try {
            handleDeregister.invokeExact(handle);
        } catch (Throwable e) {
            throw impossible("cuFileHandleDeregister", e);
        }
    }

    /** Reads up to so many bytes of the file into registered memory; returns how many. */
    long read(long handle, String file, long base, long bytes, long fileOffset, long bufferOffset) throws IOException {
        return transfer(read, "cuFileRead", handle, file, base, bytes, fileOffset, bufferOffset);
    }

    /** Writes up to so many bytes of registered memory into the file; returns how many. */
    long write(long handle, String file, long base, long bytes, long fileOffset, long bufferOffset) throws IOException {
        return transfer(write, "cuFileWrite", handle, file, base, bytes, fileOffset, bufferOffset);
    }

    private static long transfer(
            MethodHandle function,
            String name,
            long handle,
            String file,
            long base,
            long bytes,
            long fileOffset,
            long bufferOffset)
            throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CAPTURE);
            long result = (long) function.invokeExact(state, handle, base, bytes, fileOffset, bufferOffset);
            if (result >= 0) {
                return result;
            }
            String operation = name + " of " + bytes + " bytes at " + fileOffset + " of " + file;
            if (result == CufileException.SYSTEM_ERROR) {
                throw new IOException(operation + " failed: errno " + (int) ERRNO.get(state, 0L));
            }
            throw CufileException.ofResult(operation, result);
        } catch (IOException e) {
            throw e;
        } catch (Throwable e) {
            throw impossible(name, e);
        }
    }

    /** A call that returns a {@code CUfileError_t}, in memory of the allocator. */
    @FunctionalInterface
    private interface StatusCall {
        MemorySegment invoke(SegmentAllocator status) throws Throwable;
    }

    private static void status(String operation, StatusCall call) throws CufileException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment status = call.invoke(arena);
            int code = status.get(ValueLayout.JAVA_INT, 0);
            if (code != 0) {
                throw CufileException.ofStatus(operation, code, status.get(ValueLayout.JAVA_INT, Integer.BYTES));
            }
        } catch (CufileException e) {
            throw e;
        } catch (Throwable e) {
            throw impossible(operation, e);
        }
    }

    private static IllegalStateException impossible(String operation, Throwable e) {
        return new IllegalStateException(operation + ": the call does not fit its descriptor", e);
    }
}
