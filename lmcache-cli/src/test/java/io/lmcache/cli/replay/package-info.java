/** Tests of the replay. */
@org.jspecify.annotations.NullMarked
package io.lmcache.cli.replay;
