/** What a stack tells those who watch it: meters in a Micrometer registry. */
@org.jspecify.annotations.NullMarked
package io.lmcache.core.metrics;
