package io.lmcache.api.posix;

/** The user that this process runs as. Stateless and thread-safe. */
public final class LocalUser {
    private LocalUser() {}

    /** The number of the user whose rights this process has; it compares to {@link FileStatus#user()}. */
    public static int id() {
        try {
            // Widened without the sign: a large number is no failure, but a user like any other.
            return (int) CLibrary.call(
                    "geteuid",
                    "this process",
                    (arena, state) -> Integer.toUnsignedLong((int) CLibrary.GETEUID.invokeExact(state)));
        } catch (PosixException e) {
            throw new IllegalStateException("geteuid never fails", e);
        }
    }
}
