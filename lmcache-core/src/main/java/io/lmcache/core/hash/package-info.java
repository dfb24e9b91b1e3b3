/** From token ids to chunk keys. */
@org.jspecify.annotations.NullMarked
package io.lmcache.core.hash;
