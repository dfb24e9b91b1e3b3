/** Names of chunks, layout of their bytes, and the error type: the values every module shares. */
@org.jspecify.annotations.NullMarked
package io.lmcache.api;
