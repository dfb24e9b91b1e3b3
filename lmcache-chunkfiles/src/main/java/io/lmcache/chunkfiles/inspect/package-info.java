/** Looks at a chunk directory from outside, and after it, while others may be using it. */
@org.jspecify.annotations.NullMarked
package io.lmcache.chunkfiles.inspect;
