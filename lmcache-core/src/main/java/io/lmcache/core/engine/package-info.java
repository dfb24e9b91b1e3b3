/** What an inference engine embeds: a stack of tiers, a cache handle for each model, and KV in contiguous host memory. */
@org.jspecify.annotations.NullMarked
package io.lmcache.core.engine;
