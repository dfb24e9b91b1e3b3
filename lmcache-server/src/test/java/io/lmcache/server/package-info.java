/** Engines in shared memory against servers in processes of their own. */
@org.jspecify.annotations.NullMarked
package io.lmcache.server;
