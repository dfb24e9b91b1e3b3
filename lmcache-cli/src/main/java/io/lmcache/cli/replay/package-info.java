/** What a cache would bring: request traces, replayed against tiers that hold no payload. */
@org.jspecify.annotations.NullMarked
package io.lmcache.cli.replay;
