package io.lmcache.api.posix;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/** Finds and calls functions of the C library; the one place that reads {@code errno}. Thread-safe. */
final class CLibrary {
    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final int EINTR = 4;

    private CLibrary() {}

    /** One call; everything that it allocates from the arena is freed after it. */
    interface Call {
        /** The function's result; negative, or all ones, is a failure. */
        long run(Arena arena, MemorySegment state) throws Throwable;
    }

    /**
     * Makes the call until no signal interrupts it.
     *
     * @param subject the path or whatever else the call is about, for the exception
     */
    static long call(String operation, String subject, Call call) throws PosixException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            while (true) {
                long result = call.run(arena, state);
                if (result >= 0) {
                    return result;
                }
                int errno = (int) ERRNO.get(state, 0L);
                if (errno != EINTR) {
                    throw new PosixException(operation, subject, errno);
                }
            }
        } catch (PosixException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(operation + ": the call does not fit its declaration", e);
        }
    }

    /**
     * A function of the library; whoever calls it keeps the handle in a constant of its own. To make one takes milliseconds in
     * a new process, which should pay for those only that it uses.
     */
    static MethodHandle function(String name, FunctionDescriptor descriptor) {
        return handle(name, descriptor, Linker.Option.captureCallState("errno"));
    }

    /** As {@link #function}, with variable arguments from that one on. */
    static MethodHandle variadicFrom(int argument, String name, FunctionDescriptor descriptor) {
        return handle(
                name, descriptor, Linker.Option.captureCallState("errno"), Linker.Option.firstVariadicArg(argument));
    }

    // Restricted: native access is what this package is for.
    @SuppressWarnings("restricted")
    private static MethodHandle handle(String name, FunctionDescriptor descriptor, Linker.Option... options) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor, options);
    }
}
