/** The way in: opens a cache from its configuration. */
@org.jspecify.annotations.NullMarked
package io.lmcache.core;
