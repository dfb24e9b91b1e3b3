/** Tests of the command line. */
@org.jspecify.annotations.NullMarked
package io.lmcache.cli;
