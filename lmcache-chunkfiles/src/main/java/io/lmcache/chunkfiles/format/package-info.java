/** What chunk files look like: the library's own, and those of two versions of LMCache. */
@org.jspecify.annotations.NullMarked
package io.lmcache.chunkfiles.format;
