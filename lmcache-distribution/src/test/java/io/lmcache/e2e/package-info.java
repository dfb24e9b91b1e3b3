/** The whole stack as its users have it: by the documentation, from a configuration, across processes. */
@org.jspecify.annotations.NullMarked
package io.lmcache.e2e;
