/**
 * The ways between chunk files and memory: through libcufile, through page-locked staging memory, and, for host memory,
 * straight. Which one a file takes is decided by a probe of its directory, and again when an operation fails.
 */
@org.jspecify.annotations.NullMarked
package io.lmcache.backend.gds.io;
