/**
 * Options: what can be set, declared once by whoever goes by it.
 *
 * <p>An {@link io.lmcache.api.option.Option} has its names, its {@link io.lmcache.api.option.OptionType}, its default and
 * its documentation. Configuration, the builder of a stack, the command line and the documents all take it from there.
 */
@org.jspecify.annotations.NullMarked
package io.lmcache.api.option;
