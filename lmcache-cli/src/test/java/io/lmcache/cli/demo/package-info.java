/** Tests of the demo. */
@org.jspecify.annotations.NullMarked
package io.lmcache.cli.demo;
