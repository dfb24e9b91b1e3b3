/**
 * The settings of the stack: what each may be, where it came from, and what is wrong with it.
 *
 * <p>{@link io.lmcache.core.config.ConfigOptions} is the table of all options,
 * {@link io.lmcache.core.config.ConfigLoader} reads them, {@link io.lmcache.core.config.LmcacheConfig} is the result.
 */
@org.jspecify.annotations.NullMarked
package io.lmcache.core.config;
