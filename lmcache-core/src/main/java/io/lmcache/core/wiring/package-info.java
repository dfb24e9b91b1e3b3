/** How a stack is put together from its configuration. */
@org.jspecify.annotations.NullMarked
package io.lmcache.core.wiring;
