/** The two callbacks through which an inference engine hands over and takes back KV bytes. */
@org.jspecify.annotations.NullMarked
package io.lmcache.api.engine;
