package io.lmcache.backend.gds.cufile;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** The C library's {@code open} and {@code close}: libcufile wants a file descriptor, which the JDK does not hand out. */
final class NativeFiles {
    static final int READ_ONLY = 0;
    static final int READ_WRITE = 2;
    static final int DIRECT = 0x4000;

    // Not O_NOFOLLOW: libcufile refuses to register such a descriptor, with code 5019.
    private static final int CLOSE_ON_EXEC = 0x80000;
    private static final int ENOENT = 2;

    private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CAPTURE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    // The third argument, the mode, is left out: it counts for files that are created, and these never are.
    private static final MethodHandle OPEN = function(
            "open",
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT),
            Linker.Option.captureCallState("errno"),
            Linker.Option.firstVariadicArg(2));
    private static final MethodHandle CLOSE =
            function("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

    private NativeFiles() {}

    // Restricted: native access is what this class is for.
    @SuppressWarnings("restricted")
    private static MethodHandle function(String name, FunctionDescriptor descriptor, Linker.Option... options) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor, options);
    }

    /**
     * A descriptor of an existing file, which the caller closes.
     *
     * @param flags of the constants above
     */
    static int open(Path file, int flags) throws IOException {
        // A chunk file is never a link: one that is was put there by someone else.
        if (Files.isSymbolicLink(file)) {
            throw new FileSystemException(file.toString(), null, "is a symbolic link");
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CAPTURE);
            int descriptor = (int) OPEN.invokeExact(state, arena.allocateFrom(file.toString()), flags | CLOSE_ON_EXEC);
            if (descriptor < 0) {
                throw failure(file, (int) ERRNO.get(state, 0L));
            }
            return descriptor;
        } catch (IOException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("open: the call does not fit its descriptor", e);
        }
    }

    private static IOException failure(Path file, int errno) {
        return errno == ENOENT
                ? new NoSuchFileException(file.toString())
                : new FileSystemException(file.toString(), null, "open failed: errno " + errno);
    }

    /** Closes a descriptor; whatever the answer, it is gone then. */
    static void close(int descriptor) {
        try {
            int ignored = (int) CLOSE.invokeExact(descriptor);
        } catch (Throwable e) {
            throw new IllegalStateException("close: the call does not fit its descriptor", e);
        }
    }
}
