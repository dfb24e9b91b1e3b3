/** The tier in host memory: one slab off the Java heap, an index of what lies in it, and the order of eviction. */
@org.jspecify.annotations.NullMarked
package io.lmcache.backend.cpu;
