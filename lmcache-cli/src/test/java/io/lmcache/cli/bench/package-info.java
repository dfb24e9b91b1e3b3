/** Tests of the benchmark: that it measures what it says, not what the numbers are. */
@org.jspecify.annotations.NullMarked
package io.lmcache.cli.bench;
