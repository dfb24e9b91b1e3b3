/** The chunk file format and the chunk directory: everything about chunk files but the transfer of payload. */
@org.jspecify.annotations.NullMarked
package io.lmcache.backend.posix.directory;
