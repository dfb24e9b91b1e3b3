/** The storage backends that can be had here, by name. */
@org.jspecify.annotations.NullMarked
package io.lmcache.core.backend;
