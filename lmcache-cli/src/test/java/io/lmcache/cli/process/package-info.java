/** Tests of what the programs need of the operating system. */
@org.jspecify.annotations.NullMarked
package io.lmcache.cli.process;
