/** What a diagnosis of a configuration tells. */
@org.jspecify.annotations.NullMarked
package io.lmcache.core.diagnosis;
