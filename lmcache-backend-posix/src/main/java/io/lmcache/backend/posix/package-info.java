/** The backend {@code posix}: chunk files, read and written through host memory. */
@org.jspecify.annotations.NullMarked
package io.lmcache.backend.posix;
