/** CUDA as the backend needs it: a device, its memory, page-locked host memory, and copies in streams. */
@org.jspecify.annotations.NullMarked
package io.lmcache.cuda;
