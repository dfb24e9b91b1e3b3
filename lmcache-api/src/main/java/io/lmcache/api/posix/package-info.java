/**
 * What the product's own modules ask of the C library of Linux, because the JDK does not hand it out: descriptors, calls
 * relative to an open directory, the status of what is open, anonymous and shared memory.
 *
 * <p>There is one error policy. A call that fails throws {@link io.lmcache.api.posix.PosixException}, an {@link
 * java.io.IOException} that names the operation, the path and the error; {@link io.lmcache.api.posix.Errno} recognizes
 * it there and in the exceptions of the JDK alike. A call that a signal interrupted is made again.
 *
 * <p>Needs native access for {@code io.lmcache.api}. Not for others: this package may change with any release.
 */
@org.jspecify.annotations.NullMarked
package io.lmcache.api.posix;
