/** The command line: reads arguments, calls the library or the demo, prints. */
@org.jspecify.annotations.NullMarked
package io.lmcache.cli;
