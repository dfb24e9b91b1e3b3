/** How a stack is put together from its configuration, with Guice. Nothing outside this package knows of Guice. */
@org.jspecify.annotations.NullMarked
package io.lmcache.core.wiring;
