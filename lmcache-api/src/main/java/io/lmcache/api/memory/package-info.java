/** Bounded off-heap memory: buffers, leases on them, and the allocators that own them. */
@org.jspecify.annotations.NullMarked
package io.lmcache.api.memory;
