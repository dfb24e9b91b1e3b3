/** From one format of chunk files to another. */
@org.jspecify.annotations.NullMarked
package io.lmcache.chunkfiles.convert;
