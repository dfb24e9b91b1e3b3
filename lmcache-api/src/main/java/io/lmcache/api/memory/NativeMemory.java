package io.lmcache.api.memory;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The C library's {@code mmap} family. Used in place of {@link Arena#allocate}, which writes zeros to every byte and so
 * commits gigabytes at start.
 */
final class NativeMemory {
    private static final int PROT_READ_WRITE = 0x1 | 0x2;
    private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000;
    private static final int MADV_HUGEPAGE = 14;
    private static final long MAP_FAILED = -1;

    private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CAPTURE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final MethodHandle MMAP = function(
            "mmap",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_LONG));
    private static final MethodHandle MUNMAP = function(
            "munmap", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
    private static final MethodHandle MADVISE = function(
            "madvise",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));

    private NativeMemory() {}

    // Restricted: native access is what this class is for.
    @SuppressWarnings("restricted")
    private static MethodHandle function(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow(name), descriptor, Linker.Option.captureCallState("errno"));
    }

    /** A new mapping that ends with the arena. */
    @SuppressWarnings("restricted")
    static MemorySegment map(long bytes, Arena owner) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CAPTURE);
            long address =
                    (long) MMAP.invokeExact(state, 0L, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0L);
            if (address == MAP_FAILED) {
                throw new LmcacheException(
                        ErrorCode.START_FAILED,
                        "The operating system refused " + bytes + " bytes of host memory (mmap: errno "
                                + (int) ERRNO.get(state, 0L) + "); ask for less, or raise the limit (ulimit -v)");
            }
            // A refusal costs speed only: kernels without huge pages answer EINVAL.
            int ignored = (int) MADVISE.invokeExact(state, address, bytes, MADV_HUGEPAGE);
            return MemorySegment.ofAddress(address).reinterpret(bytes, owner, NativeMemory::unmap);
        } catch (LmcacheException e) {
            throw e;
        } catch (Throwable e) {
            throw new LmcacheException(ErrorCode.START_FAILED, "Cannot call mmap: " + e, e);
        }
    }

    private static void unmap(MemorySegment region) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CAPTURE);
            int status = (int) MUNMAP.invokeExact(state, region.address(), region.byteSize());
            if (status != 0) {
                throw new LmcacheException(
                        ErrorCode.START_FAILED, "munmap of " + region + " failed: errno " + (int) ERRNO.get(state, 0L));
            }
        } catch (LmcacheException e) {
            throw e;
        } catch (Throwable e) {
            throw new LmcacheException(ErrorCode.START_FAILED, "Cannot call munmap: " + e, e);
        }
    }
}
