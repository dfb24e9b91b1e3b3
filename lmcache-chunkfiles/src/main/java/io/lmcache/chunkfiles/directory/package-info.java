/** The chunk directory: everything about chunk files but what they look like and the transfer of payload. */
@org.jspecify.annotations.NullMarked
package io.lmcache.chunkfiles.directory;
