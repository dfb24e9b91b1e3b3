/** The cache server. */
@org.jspecify.annotations.NullMarked
package io.lmcache.server;
