/** Measures the cache against what the machine can do at best: each time beside that of a bare loop over the same bytes. */
@org.jspecify.annotations.NullMarked
package io.lmcache.cli.bench;
