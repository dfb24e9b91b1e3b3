/** The stack of tiers: where a chunk is looked for, put, and moved to. */
@org.jspecify.annotations.NullMarked
package io.lmcache.core.storage;
