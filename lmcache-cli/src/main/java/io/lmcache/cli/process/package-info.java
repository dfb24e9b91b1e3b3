/** What the programs here need of the operating system: a JVM of their own, and a directory that goes away. */
@org.jspecify.annotations.NullMarked
package io.lmcache.cli.process;
