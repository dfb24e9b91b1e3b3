/** The service provider interface of storage backends. */
@org.jspecify.annotations.NullMarked
package io.lmcache.api.spi;
