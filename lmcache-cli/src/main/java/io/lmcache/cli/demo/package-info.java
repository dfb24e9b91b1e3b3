/** A small language model that uses the cache the way an embedder's engine would, and a scenario that shows what it gains. */
@org.jspecify.annotations.NullMarked
package io.lmcache.cli.demo;
