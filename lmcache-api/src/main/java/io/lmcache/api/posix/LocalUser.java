package io.lmcache.api.posix;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandle;

/** The user that this process runs as. Stateless and thread-safe. */
public final class LocalUser {
    private static final MethodHandle GETEUID = CLibrary.function("geteuid", FunctionDescriptor.of(JAVA_INT));

    private LocalUser() {}

    /** The number of the user whose rights this process has; it compares to {@link FileStatus#user()}. */
    public static int id() {
        try {
            // Widened without the sign: a large number is no failure, but a user like any other.
            return (int) CLibrary.call(
                    "geteuid",
                    "this process",
                    (arena, state) -> Integer.toUnsignedLong((int) GETEUID.invokeExact(state)));
        } catch (PosixException e) {
            throw new IllegalStateException("geteuid never fails", e);
        }
    }
}
