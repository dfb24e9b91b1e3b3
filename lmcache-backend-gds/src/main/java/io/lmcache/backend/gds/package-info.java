/** The storage backend for GPU memory: the chunk directory, read and written past the CPU where the machine can. */
@org.jspecify.annotations.NullMarked
package io.lmcache.backend.gds;
