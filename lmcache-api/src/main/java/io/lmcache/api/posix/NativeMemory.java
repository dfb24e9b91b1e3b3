package io.lmcache.api.posix;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Mapped memory, which ends with an arena. Stateless and thread-safe. */
public final class NativeMemory {
    private static final MethodHandle MMAP = CLibrary.function(
            "mmap", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle MUNMAP =
            CLibrary.function("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle MADVISE =
            CLibrary.function("madvise", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));

    private static final int READ_WRITE = 0x1 | 0x2;
    private static final int SHARED = 0x01;
    private static final int PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000;
    private static final int HUGE_PAGES = 14;
    private static final int POPULATE_WRITE = 23;

    private NativeMemory() {}

    /**
     * New memory of zeros, whose pages are committed on first use, huge ones where the operating system has them. Used in
     * place of {@link Arena#allocate}, which writes zeros to every byte and so commits gigabytes at start.
     */
    @SuppressWarnings("restricted")
    public static MemorySegment anonymous(long bytes, Arena owner) throws PosixException {
        long address = map("memory", bytes, PRIVATE_ANONYMOUS_NORESERVE, -1);
        MemorySegment memory = owned(address, bytes, owner);
        try {
            CLibrary.call("madvise", "memory", (arena, state) ->
                    (int) MADVISE.invokeExact(state, address, bytes, HUGE_PAGES));
        } catch (PosixException e) {
            // A refusal costs speed only: kernels without huge pages answer EINVAL.
        }
        return memory;
    }

    /**
     * Commits the pages of a region ahead of their first use and leaves what is in them as it is, also while others use
     * them.
     *
     * @throws PosixException when the operating system has not the memory, or, before Linux 5.14, does not know how
     */
    public static void commit(MemorySegment region) throws PosixException {
        CLibrary.call("madvise", "memory", (arena, state) ->
                (int) MADVISE.invokeExact(state, region.address(), region.byteSize(), POPULATE_WRITE));
    }

    static MemorySegment shared(int descriptor, String path, long bytes, Arena owner) throws PosixException {
        return owned(map(path, bytes, SHARED, descriptor), bytes, owner);
    }

    private static long map(String subject, long bytes, int flags, int descriptor) throws PosixException {
        return CLibrary.call("mmap of " + bytes + " bytes", subject, (arena, state) ->
                (long) MMAP.invokeExact(state, 0L, bytes, READ_WRITE, flags, descriptor, 0L));
    }

    @SuppressWarnings("restricted")
    private static MemorySegment owned(long address, long bytes, Arena owner) {
        return MemorySegment.ofAddress(address).reinterpret(bytes, owner, NativeMemory::unmap);
    }

    private static void unmap(MemorySegment region) {
        try {
            CLibrary.call("munmap", region.toString(), (arena, state) ->
                    (int) MUNMAP.invokeExact(state, region.address(), region.byteSize()));
        } catch (PosixException e) {
            throw new UncheckedIOException(e);
        }
    }
}
